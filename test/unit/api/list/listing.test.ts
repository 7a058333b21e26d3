import { expect, test } from "bun:test";
import { newId } from "../../../../src/base/ids.ts";
import { EvaluationCountSchema } from "../../../../src/contract/evaluation.ts";
import { refusalOf, type TestApi, testApi } from "../../../helpers/api.ts";
import {
  allocation,
  ended,
  evaluation,
  GRACEFUL,
  jobOf,
  jobRecord,
  jobText,
  RUNNING,
  taskRecord,
} from "../../../helpers/records.ts";

interface Listed {
  readonly ID: string;
}

/** Ids of allocations, the oldest first, whose order is none of their indexes'. */
const IDS = ["c", "a", "e", "b", "d"].map((first) => first.repeat(8) + newId().slice(8));

/** Five jobs, and five allocations of one of them, of which every other has ended. */
function filledApi(): TestApi {
  const api = testApi();
  for (const name of ["web", "db", "cache", "mail", "app"]) {
    api.agent.put({
      job: jobRecord({ job: { ...jobOf(jobText(name)), meta: { owner: name === "db" ? "ops" : "dev" } } }),
    });
  }
  for (const [at, id] of IDS.entries()) {
    const machine = at % 2 === 0 ? RUNNING : ended(GRACEFUL);
    const index = 30 + at;
    api.agent.put({
      allocation: allocation({ id, createIndex: index, modifyIndex: index, tasks: { vm: taskRecord(machine) } }),
      evaluation: evaluation({ id: newId(), createIndex: index, modifyIndex: index }),
    });
  }
  return api;
}

async function idsOf({ send }: TestApi, path: string): Promise<{ ids: string[]; next: string | null }> {
  const reply = await send("GET", path);
  const text = await reply.text();
  expect([reply.status, text]).toEqual([200, text]);
  return { ids: (JSON.parse(text) as Listed[]).map(({ ID }) => ID), next: reply.headers.get("x-nomad-nexttoken") };
}

/** All pages of a list, one after the other. */
async function pagesOf(api: TestApi, path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let token: string | null = ""; token !== null; ) {
    const { ids, next } = await idsOf(api, `${path}&next_token=${encodeURIComponent(token)}`);
    pages.push(ids);
    token = next;
  }
  return pages;
}

const filter = (expression: string): string => `filter=${encodeURIComponent(expression)}`;

test("lists are filtered by what stands in them, jobs by all that is in them", async () => {
  const api = filledApi();
  const [c, , e, , d] = IDS;
  expect(await idsOf(api, `/v1/allocations?${filter('ClientStatus == "running"')}`)).toEqual({
    ids: [c, e, d] as string[],
    next: null,
  });
  expect((await idsOf(api, `/v1/job/web/allocations?${filter("ClientStatus == complete")}`)).ids).toHaveLength(2);
  expect((await idsOf(api, `/v1/jobs?${filter("Meta.owner == ops")}`)).ids).toEqual(["db"]);
  expect((await idsOf(api, `/v1/jobs?${filter('"*" in Datacenters and Name matches "^.a"')}`)).ids).toEqual([
    "cache",
    "mail",
  ]);
  expect((await idsOf(api, `/v1/jobs?${filter("TaskGroups.0.Name == nothing")}`)).ids).toEqual([]);
  expect((await idsOf(api, `/v1/nodes?${filter("Status == ready")}`)).ids).toHaveLength(1);
  expect((await idsOf(api, `/v1/evaluations?${filter("TriggeredBy == `alloc-stop`")}`)).ids).toEqual([]);
});

test("lists come the other way round when asked to", async () => {
  const api = filledApi();
  expect((await idsOf(api, "/v1/allocations?reverse=true")).ids).toEqual(IDS.toReversed());
});

for (const [query, pages] of [
  ["per_page=2", [2, 2, 1]],
  ["per_page=5", [5]],
  ["per_page=9", [5]],
  ["per_page=1&reverse=true", [1, 1, 1, 1, 1]],
  [`per_page=2&${filter("ClientStatus == running")}`, [2, 1]],
] as const) {
  for (const path of ["/v1/allocations", "/v1/jobs", "/v1/evaluations"]) {
    test(`${path}?${query} comes in pages, nothing twice and nothing left out`, async () => {
      const api = filledApi();
      if (path !== "/v1/allocations" && query.includes("filter")) return;
      const whole = await idsOf(api, `${path}?${query.replace(/per_page=\d+/, "")}`);
      const found = await pagesOf(api, `${path}?${query}`);
      expect(found.map(({ length }) => length)).toEqual([...pages]);
      expect(found.flat()).toEqual(whole.ids);
    });
  }
}

test("a page goes on behind what went meanwhile", async () => {
  const api = filledApi();
  const jobs = await idsOf(api, "/v1/jobs?per_page=2");
  const second = jobs.next ?? "";
  const [, , third = ""] = (await idsOf(api, "/v1/jobs")).ids;
  api.agent.forget(third);
  expect((await idsOf(api, `/v1/jobs?next_token=${second}`)).ids).not.toContain(third);
  expect((await idsOf(api, `/v1/allocations?next_token=31.${newId()}`)).ids).toEqual(IDS.slice(2));
  expect((await idsOf(api, `/v1/allocations?reverse=true&next_token=31.${newId()}`)).ids).toEqual(IDS.slice(0, 1));
  expect((await idsOf(api, `/v1/allocations?next_token=99.${newId()}`)).ids).toEqual([]);
});

for (const [query, message] of [
  [
    filter("Name = web"),
    'query parameter filter: at character 6, "= web": expected a selector, a value, an operator or a parenthesis',
  ],
  [filter("Nmae == web"), 'query parameter filter: there is nothing called "Nmae"'],
  ["per_page=-1", "query parameter per_page: expected a whole number"],
  ["per_page=1&next_token=x", "query parameter next_token: expected what X-Nomad-NextToken of a reply said"],
  ["reverse=perhaps", "query parameter reverse: expected true or false"],
] as const) {
  test(`a list is refused with ?${query}`, async () => {
    const { status, lines } = await refusalOf(await filledApi().send("GET", `/v1/jobs?${query}`));
    expect([status, lines[0]]).toEqual([400, message]);
  });
}

test("a list as it is reads no record again for its order", async () => {
  const api = filledApi();
  await idsOf(api, "/v1/allocations");
  const read = api.agent.allocation;
  let reads = 0;
  api.agent.allocation = (id) => {
    reads++;
    return read(id);
  };
  await idsOf(api, "/v1/allocations");
  expect(reads).toBe(3);
});

test("evaluations are counted, those that a filter leaves", async () => {
  const { read, send } = filledApi();
  expect(await read(EvaluationCountSchema, "/v1/evaluations/count")).toEqual({ Count: 5 });
  expect(await read(EvaluationCountSchema, `/v1/evaluations/count?${filter("CreateIndex == 31")}`)).toEqual({
    Count: 1,
  });
  expect(await read(EvaluationCountSchema, "/v1/evaluations/count?job=db")).toEqual({ Count: 0 });
  expect((await send("GET", `/v1/evaluations/count?${filter("(")}`)).status).toBe(400);
});
