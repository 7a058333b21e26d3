import { expect, test } from "bun:test";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { StopCause, StopOrder } from "../../../src/allocation/ladder.ts";
import type { MachineState } from "../../../src/allocation/machine.ts";
import { RunTimeKeeper } from "../../../src/supervisor/run-time-keeper.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { allocation, CRASHED, ended, RECORD_TIME, RUNNING, taskRecord } from "../../helpers/records.ts";

const HOUR = 3_600_000;

const orderFor = (cause: StopCause): StopOrder => ({
  cause,
  requestedAt: RECORD_TIME,
  graceful: true,
  shutdownDelay: 0,
  killTimeout: 5,
});

/** An allocation whose one machine is in a state, and what is sent to it. */
function bed(machine: MachineState = RUNNING, more: { firstStart?: number; runTime?: number | null } = {}) {
  const { firstStart = RECORD_TIME } = more;
  const clock = manualClock(RECORD_TIME);
  const sent: StopCause[] = [];
  let runTime = more.runTime === undefined ? HOUR : more.runTime;
  let record: Allocation = allocation({ tasks: { vm: taskRecord(machine, { firstStart }) } });
  const keeper = new RunTimeKeeper({
    clock,
    runTimeOf: () => runTime,
    stopOrderOf: (_, __, cause) => orderFor(cause),
  });
  const actor = {
    get allocation() {
      return record;
    },
    stop: (told: (task: string) => StopOrder) => void sent.push(told("vm").cause),
  };
  keeper.see(actor);
  return {
    clock,
    sent,
    keeper,
    see: (change: { machine?: MachineState; runTime?: number | null }) => {
      if (change.runTime !== undefined) runTime = change.runTime;
      if (change.machine !== undefined) {
        record = allocation({ tasks: { vm: taskRecord(change.machine, { firstStart }) } });
      }
      keeper.see(actor);
    },
    causes: () => sent,
  };
}

const OVER = "max_run_duration is over";

test("a machine is stopped once, when its allocation has run for as long as it may", () => {
  const { clock, causes, see } = bed();
  clock.advance(HOUR - 1);
  expect(causes()).toEqual([]);
  see({});
  clock.advance(1);
  expect(causes()).toEqual([OVER]);
});

test("the time counts from the first start, over restarts and over an agent that looks only now", () => {
  const late = bed(RUNNING, { firstStart: RECORD_TIME - 2 * HOUR });
  late.clock.advance(0);
  expect(late.causes()).toEqual([OVER]);
  const waiting = { kind: "backoff", generation: 1, ending: CRASHED, until: RECORD_TIME + 9 * HOUR } as const;
  const { clock, causes, see } = bed();
  see({ machine: waiting });
  clock.advance(HOUR);
  expect(causes()).toEqual([OVER]);
});

test("what has ended, has no bound, or is let go of, is left alone", () => {
  const over = bed();
  over.see({ machine: ended(CRASHED) });
  const free = bed(RUNNING, { runTime: null });
  const closed = bed();
  closed.keeper.close();
  for (const { clock, sent } of [over, free, closed]) {
    expect(clock.waiting).toBe(0);
    clock.advance(2 * HOUR);
    expect(sent).toEqual([]);
  }
});

test("another version of the job may allow more or less, and a clock that was set back makes no stop early", () => {
  const { clock, causes, see } = bed();
  see({ runTime: 3 * HOUR });
  clock.advance(2 * HOUR);
  expect(causes()).toEqual([]);
  clock.set(-HOUR);
  clock.advance(HOUR);
  expect(causes()).toEqual([]);
  see({ runTime: HOUR / 2 });
  clock.advance(0);
  expect(causes()).toEqual([OVER]);
});

test("of several machines the first start counts", () => {
  const clock = manualClock(RECORD_TIME);
  let told = 0;
  const keeper = new RunTimeKeeper({ clock, runTimeOf: () => HOUR, stopOrderOf: (_, __, cause) => orderFor(cause) });
  const tasks = {
    late: taskRecord(RUNNING, { firstStart: RECORD_TIME }),
    early: taskRecord(RUNNING, { firstStart: RECORD_TIME - HOUR / 2 }),
    over: taskRecord(ended(CRASHED), { firstStart: RECORD_TIME }),
  };
  keeper.see({ allocation: allocation({ tasks }), stop: () => void told++ });
  clock.advance(HOUR / 2 - 1);
  expect(told).toBe(0);
  clock.advance(1);
  expect(told).toBe(1);
});
