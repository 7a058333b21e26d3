import { expect, test } from "bun:test";
import { FuzzySearchReplySchema } from "../../../../src/contract/fuzzy-search.ts";
import { SearchReplySchema } from "../../../../src/contract/search.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { allocation, evaluation, jobOf, jobRecord, jobText, NODE } from "../../../helpers/records.ts";

function filledApi() {
  const api = testApi();
  api.agent.put({ job: jobRecord(), allocation: allocation(), evaluation: evaluation() });
  api.agent.put({ job: jobRecord({ job: jobOf(jobText("e0-batch")) }) });
  return api;
}

test("a search everywhere finds jobs by name and the rest by id", async () => {
  const { write } = filledApi();
  const reply = await write(SearchReplySchema, "PUT", "/v1/search", { Prefix: "e0", Context: "all" });
  expect(reply.Matches).toEqual({
    allocs: [],
    evals: [evaluation().id],
    jobs: ["e0-batch"],
    namespaces: [],
    nodes: [],
  });
});

test("a text that no id can begin with still finds jobs", async () => {
  const reply = await filledApi().write(SearchReplySchema, "POST", "/v1/search", { Prefix: "web" });
  expect(reply.Matches).toMatchObject({ jobs: ["web"], allocs: [], evals: [], nodes: [] });
});

for (const [context, prefix, found] of [
  ["allocs", "1F6A", allocation().id],
  ["evals", "e0", evaluation().id],
  ["nodes", "d0de", NODE.id],
  ["jobs", "w", "web"],
  ["namespaces", "def", "default"],
] as const) {
  test(`a search in ${context} finds there alone`, async () => {
    const { write } = filledApi();
    const reply = await write(SearchReplySchema, "PUT", "/v1/search", { Prefix: prefix, Context: context });
    expect(reply.Matches).toEqual({ [context]: [found] });
  });
}

test("more than twenty are cut, and the reply says so", async () => {
  const { agent, write } = testApi();
  const { job } = jobRecord();
  for (let count = 0; count < 21; count++) agent.put({ job: jobRecord({ job: { ...job, id: `many-${count}` } }) });
  const reply = await write(SearchReplySchema, "PUT", "/v1/search", { Prefix: "many", Context: "jobs" });
  expect(reply.Matches["jobs"]).toHaveLength(20);
  expect(reply.Truncations).toEqual({ jobs: true });
});

test("a context of Nomad's that is empty here finds nothing, and an unknown one is refused", async () => {
  const { write, send } = filledApi();
  expect((await write(SearchReplySchema, "PUT", "/v1/search", { Prefix: "", Context: "volumes" })).Matches).toEqual({});
  const { status, lines } = await refusalOf(await send("PUT", "/v1/search", { Prefix: "", Context: "s3cr3t" }));
  expect(status).toBe(400);
  expect(lines[0]).toStartWith("<request>: Context: expected ");
  expect(lines[0]).not.toContain("s3cr3t");
});

const FUZZY = "/v1/search/fuzzy";

test("a fuzzy search finds names that have a text anywhere, in whatever letters, with the way to each", async () => {
  const { write, agent } = filledApi();
  const reply = await write(FuzzySearchReplySchema, "PUT", FUZZY, { Text: "WE", Context: "all" });
  expect(reply.Matches).toMatchObject({ jobs: [{ ID: "web", Scope: ["default", "web"] }] });
  expect(reply.Matches["allocs"]?.[0]).toEqual({ ID: allocation().name, Scope: ["default", allocation().id] });
  agent.put({ job: jobRecord({ job: jobOf(jobText("SHOP")) }) });
  const upper = await write(FuzzySearchReplySchema, "PUT", FUZZY, { Text: "hop", Context: "jobs" });
  expect(upper.Matches["jobs"]).toEqual([{ ID: "SHOP", Scope: ["default", "SHOP"] }]);
  const { groups } = agent.job("web").job;
  const [group] = groups;
  const found = await write(FuzzySearchReplySchema, "PUT", FUZZY, { Text: "vm" });
  const way = ["default", "web", group?.name ?? ""];
  expect(found.Matches["tasks"]).toContainEqual({ ID: "vm", Scope: way });
  const images = await write(FuzzySearchReplySchema, "PUT", FUZZY, { Text: ".img", Context: "images" });
  expect(Object.keys(images.Matches)).toEqual(["images"]);
  expect(images.Matches["images"]).toContainEqual({
    ID: group?.tasks[0]?.config.image_path ?? "",
    Scope: [...way, "vm"],
  });
  const evals = await write(FuzzySearchReplySchema, "PUT", FUZZY, {
    Text: evaluation().id.slice(0, 4),
    Context: "evals",
  });
  expect(evals.Matches).toEqual({ evals: [{ ID: evaluation().id }] });
});

test("a fuzzy search gives 20 of each kind, those that begin with the text first, and refuses a text that is too short", async () => {
  const { write, send, agent } = testApi();
  for (let count = 0; count < 25; count++) agent.put({ job: jobRecord({ job: jobOf(jobText(`x-web-${count}`)) }) });
  agent.put({ job: jobRecord({ job: jobOf(jobText("web")) }) });
  const reply = await write(FuzzySearchReplySchema, "POST", FUZZY, { Text: "web", Context: "jobs" });
  expect([reply.Matches["jobs"]?.length, reply.Matches["jobs"]?.[0]?.ID, reply.Truncations["jobs"]]).toEqual([
    20,
    "web",
    true,
  ]);
  expect((await write(FuzzySearchReplySchema, "PUT", FUZZY, { Text: "web", Context: "volumes" })).Matches).toEqual({});
  const { status, lines } = await refusalOf(await send("PUT", FUZZY, { Text: "w" }));
  expect([status, lines[0]]).toEqual([400, "fuzzy search query must be at least 2 characters, got 1"]);
});
