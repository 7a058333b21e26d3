import { expect, test } from "bun:test";
import { Tally } from "../../../src/supervisor/tally.ts";
import { CRASHED, ended, GRACEFUL, LOST, RUNNING, STOPPING, taskRecord } from "../../helpers/records.ts";

test("an end is counted once by its reason, and a stop by the rung that worked", () => {
  const tally = new Tally();
  const backoff = taskRecord({ kind: "backoff", generation: 1, ending: CRASHED, until: 0 }, { restarts: 1 });
  tally.count(taskRecord(RUNNING), backoff, []);
  // Stopped while it waits for its next start: the same end.
  tally.count(backoff, { ...backoff, machine: { ...ended(CRASHED) } }, []);
  tally.count(taskRecord(STOPPING), taskRecord(ended(GRACEFUL)), []);
  tally.count(taskRecord(STOPPING), taskRecord(ended({ ...GRACEFUL })), []);
  tally.count(taskRecord(RUNNING), taskRecord(ended(LOST)), []);
  expect(Object.fromEntries(tally.ends)).toEqual({ killed: 1, "guest-shutdown": 2, lost: 1 });
  expect(Object.fromEntries(tally.stops)).toEqual({ powerdown: 2 });
  expect(tally.restarts).toBe(1);
});

test("a stop that needed no rung is counted as one by none, and events by their type", () => {
  const tally = new Tally();
  const stop = GRACEFUL.stop === null ? null : { ...GRACEFUL.stop, rung: null };
  const event = { type: "Killed", time: 0, message: "", details: {}, failsTask: false } as const;
  tally.count(taskRecord(STOPPING), taskRecord(ended({ ...GRACEFUL, stop })), [event, event]);
  tally.count(taskRecord(RUNNING), taskRecord(RUNNING), [event]);
  expect(Object.fromEntries(tally.stops)).toEqual({ none: 1 });
  expect(Object.fromEntries(tally.events)).toEqual({ Killed: 3 });
});
