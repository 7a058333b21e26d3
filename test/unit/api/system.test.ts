import { expect, test } from "bun:test";
import { GarbageReplySchema } from "../../../src/contract/garbage.ts";
import { DeregisterReplySchema } from "../../../src/contract/job-requests.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { allocation, jobRecord, RECORD_TIME } from "../../helpers/records.ts";

const REMOVED = "6f1d9b52-0000-4000-8000-000000000001";
const KEPT = "7f1d9b52-0000-4000-8000-000000000001";

test("PUT /v1/system/gc collects garbage and says what went and what did not", async () => {
  const one = testApi();
  one.agent.collected = {
    removed: [
      {
        allocationId: REMOVED,
        jobId: "web",
        reason: "asked",
        endedAt: RECORD_TIME,
        begunAt: RECORD_TIME + 1,
        doneAt: RECORD_TIME + 2,
        bytes: 4096,
      },
    ],
    kept: [{ allocationId: KEPT, jobId: "db", task: "vm", path: "/d/disk.qcow2", bytes: 512, until: RECORD_TIME + 9 }],
    jobs: 1,
    evaluations: 2,
    troubles: ["/d/alloc/x cannot be removed"],
  };
  expect(await one.write(GarbageReplySchema, "PUT", "/v1/system/gc")).toEqual({
    Removed: [{ AllocID: REMOVED, JobID: "web", Reason: "asked", EndedAt: RECORD_TIME * 1e6, Bytes: 4096 }],
    Kept: [
      { AllocID: KEPT, JobID: "db", Task: "vm", Path: "/d/disk.qcow2", Bytes: 512, Until: (RECORD_TIME + 9) * 1e6 },
    ],
    Jobs: 1,
    Evaluations: 2,
    Troubles: ["/d/alloc/x cannot be removed"],
  });
  // What `nomad system gc` sends.
  await one.write(GarbageReplySchema, "PUT", "/v1/system/gc?region=global", {});
  await one.write(GarbageReplySchema, "POST", "/v1/system/gc?discard=true");
  expect(one.agent.told).toEqual(["gc discard=false", "gc discard=false", "gc discard=true"]);
});

test("Nomad's ways to collect garbage of a client and of one allocation answer the same, whatever their method", async () => {
  const one = testApi();
  one.agent.put({ allocation: allocation() });
  const { id } = allocation();
  for (const method of ["GET", "PUT", "POST"]) await one.write(GarbageReplySchema, method, "/v1/client/gc?node_id=x");
  await one.write(GarbageReplySchema, "GET", `/v1/client/allocation/${id}/gc`);
  await one.write(GarbageReplySchema, "PUT", `/v1/client/allocation/${id}/gc?discard=true`);
  expect(one.agent.told).toEqual([
    ...Array(3).fill("gc discard=false"),
    `gc ${id} discard=false`,
    `gc ${id} discard=true`,
  ]);
  expect((await refusalOf(await one.send("GET", "/v1/client/allocation/nope/gc"))).status).toBe(404);
});

test("a purge says what becomes of disks, and a stop does not", async () => {
  const one = testApi();
  one.agent.put({ job: jobRecord() });
  one.agent.keptDisks = ["the disk of vm is kept", "so is another"];
  const stopped = await one.write(DeregisterReplySchema, "DELETE", "/v1/job/web");
  expect(stopped.Warnings).toBe("");
  const purged = await one.write(DeregisterReplySchema, "DELETE", "/v1/job/web?purge=true");
  expect(purged.Warnings).toBe("* the disk of vm is kept\n* so is another");
  await one.write(DeregisterReplySchema, "DELETE", "/v1/job/web?purge=true&discard=true");
  expect(one.agent.deregistered.map(({ purge, discard }) => [purge, discard])).toEqual([
    [false, undefined],
    [true, undefined],
    [true, true],
  ]);
  expect((await refusalOf(await one.send("DELETE", "/v1/job/web?discard=true"))).status).toBe(400);
});

test("an agent that stops lets nobody wait for garbage to be collected", async () => {
  const one = testApi();
  one.agent.garbage = { ...one.agent.garbage, collect: () => new Promise(() => undefined) };
  const reply = one.send("PUT", "/v1/system/gc");
  one.stopping.abort();
  expect(await refusalOf(await reply)).toEqual({
    status: 503,
    lines: ["the agent stops; what it was removing, the next one removes"],
  });
});
