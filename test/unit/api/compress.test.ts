import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { newId } from "../../../src/base/ids.ts";
import { testApi } from "../../helpers/api.ts";
import { allocation, jobRecord } from "../../helpers/records.ts";
import { remoteClient, secretFor } from "../../helpers/remote.ts";

const LIST = "/v1/allocations";

/** What comes to a list of some allocations from elsewhere. */
async function ask(accepted: string | undefined, { path = LIST, count = 50 } = {}) {
  const api = testApi();
  api.agent.put({ job: jobRecord() });
  for (let at = 0; at < count; at++) api.agent.put({ allocation: allocation({ id: newId() }) });
  const headers = accepted === undefined ? {} : { "accept-encoding": accepted };
  const reply = await remoteClient(api.api).send("GET", path, { secret: secretFor(api.agent, "admin"), headers });
  const bytes = Buffer.from(await reply.arrayBuffer());
  const plain = await (await api.send("GET", path, undefined, headers)).text();
  return { encoding: reply.headers.get("content-encoding"), index: reply.headers.get("x-nomad-index"), bytes, plain };
}

for (const accepted of ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*", "identity;q=0.1, *;q=0.5"]) {
  test(`a long list comes packed to who takes ${accepted}`, async () => {
    const { encoding, index, bytes, plain } = await ask(accepted);
    expect([encoding, index !== null, bytes.length < plain.length / 4]).toEqual(["gzip", true, true]);
    expect(gunzipSync(bytes).toString()).toBe(plain);
  });
}

for (const accepted of [undefined, "", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *"]) {
  test(`it comes as it is to who takes ${JSON.stringify(accepted)}`, async () => {
    const { encoding, bytes, plain } = await ask(accepted);
    expect([encoding, bytes.toString()]).toEqual([null, plain]);
  });
}

test("a short reply, and what is no reading of records, comes as it is", async () => {
  expect((await ask("gzip", { count: 0 })).encoding).toBeNull();
  expect((await ask("gzip", { path: "/v1/metrics?format=prometheus" })).encoding).toBeNull();
});

test("the unix socket packs nothing", async () => {
  const api = testApi();
  for (let at = 0; at < 50; at++) api.agent.put({ allocation: allocation({ id: newId() }) });
  const reply = await api.send("GET", LIST, undefined, { "accept-encoding": "gzip" });
  expect([reply.headers.get("content-encoding"), reply.headers.get("vary")]).toEqual([null, "Accept-Encoding"]);
});

test("a stream is not held up until it ends", async () => {
  const api = testApi();
  api.agent.put({ job: jobRecord() });
  const reply = await remoteClient(api.api).send("GET", "/v1/event/stream", {
    secret: secretFor(api.agent, "read"),
    headers: { "accept-encoding": "gzip" },
  });
  const reader = reply.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("{}\n");
  await reader?.cancel();
});
