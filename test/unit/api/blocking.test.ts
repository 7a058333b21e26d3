import { expect, test } from "bun:test";
import * as v from "valibot";
import { JobStubSchema } from "../../../src/contract/job-record.ts";
import { parseReply, refusalOf, testApi } from "../../helpers/api.ts";
import { jobRecord } from "../../helpers/records.ts";
import { until } from "../../helpers/until.ts";

const List = v.array(JobStubSchema);

test("every read has Nomad's headers", async () => {
  const { send } = testApi();
  const { headers } = await send("GET", "/v1/jobs");
  expect(["x-nomad-index", "x-nomad-knownleader", "x-nomad-lastcontact"].map((name) => headers.get(name))).toEqual([
    "20",
    "true",
    "0",
  ]);
});

for (const query of ["", "index=0", "index=19", "index=0&wait=10m", "index="]) {
  test(`with "${query}" at index 20 the reply comes at once`, async () => {
    const { clock, read } = testApi();
    await read(List, `/v1/jobs?${query}`);
    expect(clock.waiting).toBe(0);
  });
}

test("a query at the present index is held back until something changes, and has the change in it", async () => {
  const api = testApi();
  const waiting = api.send("GET", "/v1/jobs?index=20");
  await until("the query to wait", () => api.clock.waiting === 1);
  api.agent.put({ job: jobRecord() });
  const reply = await waiting;
  expect(reply.headers.get("x-nomad-index")).toBe("21");
  expect(await parseReply(List, reply)).toHaveLength(1);
  expect(api.clock.waiting).toBe(0);
});

for (const [query, millis] of [
  ["index=20", 300_000],
  ["index=20&wait=", 300_000],
  ["index=20&wait=60s", 60_000],
  ["index=20&wait=250ms", 250],
  ["index=20&wait=24h", 600_000],
  ["index=999", 300_000],
] as const) {
  test(`with ${query} and no change the reply comes after ${millis} ms`, async () => {
    const api = testApi();
    let done = false;
    const waiting = api.send("GET", `/v1/jobs?${query}`).finally(() => {
      done = true;
    });
    await until("the query to wait", () => api.clock.waiting === 1);
    api.clock.advance(millis - 1);
    await Promise.resolve();
    expect(done).toBe(false);
    expect(api.clock.waiting).toBe(1);
    api.clock.advance(1);
    const reply = await waiting;
    expect(await parseReply(List, reply)).toEqual([]);
    expect(reply.headers.get("x-nomad-index")).toBe("20");
  });
}

test("a client that goes away leaves no timer behind", async () => {
  const { api, clock } = testApi();
  const leaving = new AbortController();
  const waiting = api.fetch(new Request("http://localhost/v1/jobs?index=20", { signal: leaving.signal }));
  await until("the query to wait", () => clock.waiting === 1);
  leaving.abort();
  await waiting;
  expect(clock.waiting).toBe(0);
});

test("an agent that stops answers what waits", async () => {
  const api = testApi();
  const waiting = api.send("GET", "/v1/jobs?index=20");
  await until("the query to wait", () => api.clock.waiting === 1);
  api.stopping.abort();
  expect((await waiting).status).toBe(200);
});

test("what is not there is told at once", async () => {
  const { clock, send } = testApi();
  expect((await send("GET", "/v1/job/no?index=20")).status).toBe(404);
  expect(clock.waiting).toBe(0);
});

for (const [query, message] of [
  ["index=-1", "query parameter index: expected a whole number"],
  ["index=abc", "query parameter index: expected a whole number"],
  ["index=1&wait=soon", "query parameter wait: expected a duration such as 5m0s"],
  ["index=1&wait=-5s", "query parameter wait: expected a duration such as 5m0s"],
] as const) {
  test(`a read is refused with ?${query}`, async () => {
    const { status, lines } = await refusalOf(await testApi().send("GET", `/v1/jobs?${query}`));
    expect({ status, first: lines[0] }).toEqual({ status: 400, first: message });
  });
}
