import { expect, test } from "bun:test";
import type { AgentContext } from "../../../../src/agent/context.ts";
import { createWaitingRoom } from "../../../../src/agent/place/waiting.ts";
import { createLog } from "../../../../src/base/log.ts";
import { createChangeSignal } from "../../../../src/events/bus.ts";
import { StoreError } from "../../../../src/state/recorder.ts";
import type { Evaluation, JobRecord } from "../../../../src/state/records.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { allocation, jobOf, jobRecord, jobText, NODE } from "../../../helpers/records.ts";
import { turn } from "../../../helpers/turn.ts";

test("what keeps jobs from being placed is logged once, however often it is tried, and anew when it comes back", async () => {
  const clock = manualClock();
  const lines: string[] = [];
  const log = createLog("debug", (line) => lines.push(line));
  const record = jobRecord({ waiting: { evalId: "e", groups: ["vms"] } });
  let [full, tries] = [true, 0];
  const job = (): undefined => {
    tries++;
    if (full) throw new StoreError(new Error("database or disk is full"));
  };
  const store = { jobs: () => [record], job };
  const room = createWaitingRoom({ store, clock, log } as unknown as AgentContext, (work) => work());
  room.look();
  for (let round = 0; round < 20; round++) {
    await turn();
    clock.advance(5_000);
  }
  expect(tries).toBe(21);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("database or disk is full");
  await turn();
  full = false;
  clock.advance(5_000);
  await turn();
  full = true;
  room.note(record);
  room.look();
  await turn();
  expect(lines).toHaveLength(2);
  room.close();
  expect(clock.waiting).toBe(0);
});

test("whose turn it is is looked up with every change while somebody waits for it, and then no more", async () => {
  const places = [{ group: "vms", index: 0 }];
  const record = jobRecord({ version: 1, rollout: { evalId: "e", places } });
  const changes = createChangeSignal(1);
  let [looks, known] = [0, true];
  const store = {
    jobs: () => [],
    job: () => (known ? record : undefined),
    allocations: () => {
      looks++;
      // It has its machine by now, so that nothing is placed.
      return [allocation({ jobVersion: 1 })];
    },
  };
  const supervisor = { live: () => undefined };
  const context = { store, supervisor, recorder: { changes }, clock: manualClock(), log: createLog("debug", () => {}) };
  const room = createWaitingRoom(context as unknown as AgentContext, (work) => work());
  const settle = async (): Promise<number> => {
    for (let round = 0; round < 5; round++) await turn();
    return looks;
  };
  changes.bump();
  expect(await settle()).toBe(0);
  room.note(record);
  const first = await settle();
  expect(first).toBeGreaterThan(0);
  changes.bump();
  expect(await settle()).toBe(first + 1);
  known = false;
  changes.bump();
  const last = await settle();
  changes.bump();
  expect(await settle()).toBe(last);
  room.close();
});

test("jobs are tried by priority, then by who came first", async () => {
  const places = [{ group: "vms", index: 0 }];
  const job = jobOf(jobText());
  const record = (id: string, priority: number, submitTime: number): JobRecord =>
    jobRecord({ job: { ...job, id, priority }, submitTime, rollout: { evalId: "e", places } });
  const all = [record("late", 50, 3), record("early", 50, 1), record("urgent", 90, 2)];
  const tried: string[] = [];
  const store = {
    jobs: () => all,
    job: (id: string) => all.find((one) => one.job.id === id),
    allocations: ({ jobId }: { jobId: string }) => {
      tried.push(jobId);
      return [allocation({ jobVersion: 0 })];
    },
  };
  const supervisor = { live: () => undefined };
  const changes = createChangeSignal(1);
  const context = { store, supervisor, recorder: { changes }, clock: manualClock(), log: createLog("debug", () => {}) };
  const room = createWaitingRoom(context as unknown as AgentContext, (work) => work());
  room.look();
  for (let round = 0; round < 5; round++) await turn();
  room.close();
  expect(tried.slice(0, 3)).toEqual(["urgent", "early", "late"]);
});

test("a job that lacks today what it lacked before is not written down again", async () => {
  let record = jobRecord({ rollout: { evalId: "e", places: [{ group: "vms", index: 0 }] } });
  const evaluations = new Map<string, Evaluation>();
  let written = 0;
  const store = {
    jobs: () => [record],
    job: () => record,
    allocations: () => [],
    liveAllocations: () => [],
    fact: (name: string) => (name === "node_eligibility" ? "ineligible" : undefined),
    evaluation: (id: string) => evaluations.get(id),
    putEvaluation: (one: Evaluation) => evaluations.set(one.id, one),
    putJob: (next: JobRecord) => {
      record = next;
    },
  };
  const recorder = { changes: createChangeSignal(1), record: <T>(work: (index: number) => T): T => work(++written) };
  const context = {
    ...{
      store,
      recorder,
      supervisor: { live: () => undefined },
      users: null,
      policy: { argsAllowlist: [], emulatorsAllowlist: [] },
    },
    ...{ node: () => NODE, clock: manualClock(), log: createLog("debug", () => {}) },
  };
  const room = createWaitingRoom(context as unknown as AgentContext, (work) => work());
  for (let look = 0; look < 3; look++) {
    room.look();
    for (let round = 0; round < 5; round++) await turn();
  }
  room.close();
  expect([written, evaluations.size]).toEqual([1, 1]);
  expect(record.waiting?.groups).toEqual(["vms"]);
});
