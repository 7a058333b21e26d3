import { expect, test } from "bun:test";
import type { AgentContext } from "../../../src/agent/context.ts";
import { createWaitingRoom } from "../../../src/agent/waiting.ts";
import { createLog } from "../../../src/base/log.ts";
import { createChangeSignal } from "../../../src/events/bus.ts";
import { StoreError } from "../../../src/state/recorder.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { allocation, jobRecord } from "../../helpers/records.ts";
import { turn } from "../../helpers/turn.ts";

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
