import { describe, expect, test } from "bun:test";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { StopCause, StopOrder } from "../../../src/allocation/ladder.ts";
import type { MachineState } from "../../../src/allocation/machine.ts";
import { step } from "../../../src/allocation/step.ts";
import { Siblings } from "../../../src/supervisor/siblings.ts";
import { allocation, CRASHED, ended, GRACEFUL, RUNNING, taskRecord } from "../../helpers/records.ts";
import { events, order } from "../../helpers/transitions.ts";

const FAILED = ended({ ...CRASHED, failed: true });
const DONE = ended(GRACEFUL);

const stoppedFor = (cause: StopCause): MachineState =>
  ended({ ...GRACEFUL, stop: { order: { ...order, cause }, tries: [], rung: null, took: 0 } });

interface Bed {
  readonly leader?: string;
  readonly settled?: boolean;
  readonly change?: Partial<Allocation>;
}

/** An allocation whose machines take what they are told; `told` has each order that changed something, as `task: cause`. */
function bed(machines: Readonly<Record<string, MachineState>>, { leader, settled = true, change = {} }: Bed = {}) {
  const told: string[] = [];
  const orders: StopOrder[] = [];
  let asked = 0;
  let record = allocation({ tasks: mapped(machines), ...change });
  const put = (task: string, machine: MachineState): void => {
    record = { ...record, tasks: { ...record.tasks, [task]: taskRecord(machine) } };
  };
  const tell = (task: string, given: StopOrder): void => {
    const before = record.tasks[task]?.machine ?? DONE;
    const { state } = step(before, { ...events.stop_requested, order: given });
    if (state === before) return;
    told.push(`${task}: ${given.cause}`);
    orders.push(given);
    put(task, state);
    siblings.look(record);
  };
  const siblings: Siblings = new Siblings(
    {
      leaderOf: () => {
        asked++;
        return leader;
      },
      stopOrderOf: (_, task, cause) => ({ ...order, cause, killTimeout: task.length }),
    },
    tell,
    settled,
  );
  return {
    told,
    orders,
    asked: () => asked,
    settle: () => siblings.settle(record),
    stop: (cause: StopCause, more: Partial<StopOrder> = {}) =>
      siblings.stop(record, () => ({ ...order, cause, ...more })),
    /** A machine becomes this, and the others learn of it. */
    becomes: (task: string, machine: MachineState) => {
      put(task, machine);
      siblings.look(record);
    },
  };
}

const mapped = (machines: Readonly<Record<string, MachineState>>): Allocation["tasks"] =>
  Object.fromEntries(Object.entries(machines).map(([task, machine]) => [task, taskRecord(machine)]));

const THREE = { db: RUNNING, web: RUNNING, proxy: RUNNING };

describe("a machine that failed for good", () => {
  test("takes its siblings along, each by its own kill_timeout, and says whose end it was", () => {
    const { becomes, told, orders } = bed(THREE);
    becomes("db", FAILED);
    expect(told).toEqual(["web: sibling task failed", "proxy: sibling task failed"]);
    expect(orders.map(({ sibling, killTimeout }) => [sibling, killTimeout])).toEqual([
      ["db", 3],
      ["db", 5],
    ]);
  });

  test("takes the leader along first", () => {
    const { becomes, told } = bed(THREE, { leader: "proxy" });
    becomes("db", FAILED);
    expect(told).toEqual(["proxy: sibling task failed"]);
    becomes("proxy", stoppedFor("sibling task failed"));
    expect(told.slice(1)).toEqual(["web: sibling task failed"]);
  });

  test("tells nobody twice, whatever happens to them meanwhile", () => {
    const { becomes, told } = bed(THREE);
    becomes("db", FAILED);
    becomes("web", DONE);
    becomes("proxy", FAILED);
    expect(told).toHaveLength(2);
  });

  test("has nothing to tell where it is alone, and nobody asks who leads it", () => {
    const { becomes, told, asked } = bed({ vm: RUNNING });
    becomes("vm", FAILED);
    expect(told).toEqual([]);
    expect(asked()).toBe(0);
  });
});

test("one that did its work lets the others go on; the leader does not", () => {
  const { becomes, told } = bed(THREE, { leader: "web" });
  becomes("db", DONE);
  expect(told).toEqual([]);
  becomes("web", DONE);
  expect(told).toEqual(["proxy: leader task dead"]);
});

describe("a stop of all", () => {
  test("tells all at once where nobody leads, and leaves what has ended alone", () => {
    const { stop, told } = bed({ ...THREE, web: DONE });
    stop("job stopped");
    expect(told).toEqual(["db: job stopped", "proxy: job stopped"]);
  });

  test("has the reason that came first, also for those that are told later", () => {
    const { stop, becomes, told } = bed(THREE, { leader: "web" });
    stop("max_run_duration is over");
    stop("job stopped");
    becomes("web", stoppedFor("max_run_duration is over"));
    expect(told.slice(1)).toEqual(["db: max_run_duration is over", "proxy: max_run_duration is over"]);
  });

  test("lets the others follow the leader, for the reason of the stop", () => {
    const { stop, becomes, told } = bed(THREE, { leader: "web" });
    stop("job stopped");
    expect(told).toEqual(["web: job stopped"]);
    becomes("web", DONE);
    expect(told.slice(1)).toEqual(["db: job stopped", "proxy: job stopped"]);
  });

  test("by a signal waits for nobody, also in the middle of another", () => {
    const { stop, told } = bed(THREE, { leader: "web" });
    stop("job stopped");
    stop("job stopped", { force: "SIGKILL" });
    expect(told.slice(1)).toEqual(["db: job stopped", "web: job stopped", "proxy: job stopped"]);
  });
});

describe("after an agent's restart", () => {
  test("nothing is told until it is known what became of each", () => {
    const { becomes, settle, told } = bed(THREE, { settled: false });
    becomes("db", FAILED);
    expect(told).toEqual([]);
    settle();
    expect(told).toEqual(["web: sibling task failed", "proxy: sibling task failed"]);
  });

  test("what was to stop goes on for its own reason", () => {
    const { settle, stop, told } = bed(
      { ...THREE, web: DONE },
      {
        leader: "web",
        settled: false,
        change: { desired: "stop", desiredDescription: "job updated" },
      },
    );
    settle();
    expect(told).toEqual([]);
    stop("job updated");
    expect(told).toEqual(["db: job updated", "proxy: job updated"]);
  });
});
