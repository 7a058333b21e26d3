import { expect, test } from "bun:test";
import { SearchReplySchema } from "../../../src/contract/search.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { allocation, evaluation, jobOf, jobRecord, jobText, NODE } from "../../helpers/records.ts";

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
