import type { Allocation, TaskRecord } from "./allocation.ts";
import type { LadderTry, StopOrder } from "./ladder.ts";
import type { Live, MachineState } from "./machine.ts";

/**
 * An allocation as it would be had the host's clock shown then what it shows now: every time that something is still counted from is
 * moved, so that a clock which was set makes no stop force early and no restart late. Ends and histories keep the times that were
 * told. Pure.
 * @param millis by which the clock was set on; negative when it was set back.
 */
export function shiftTimes(allocation: Allocation, millis: number): Allocation {
  const tasks = Object.entries(allocation.tasks).map(([name, task]) => [name, shiftTask(task, millis)] as const);
  return { ...allocation, tasks: Object.fromEntries(tasks) };
}

function shiftTask(task: TaskRecord, millis: number): TaskRecord {
  const { machine, window } = task;
  return {
    ...task,
    machine: shiftMachine(machine, millis),
    window: window === null ? null : { ...window, startedAt: window.startedAt + millis },
    ...(task.firstStart === undefined ? {} : { firstStart: task.firstStart + millis }),
    startedAt: task.startedAt === 0 || machine.kind === "ended" ? task.startedAt : task.startedAt + millis,
  };
}

function shiftMachine(machine: MachineState, millis: number): MachineState {
  switch (machine.kind) {
    case "pending":
    case "ended":
      return machine;
    case "preparing":
      return { ...machine, cancelled: shiftOrder(machine.cancelled, millis) };
    case "starting":
      return { ...machine, since: machine.since + millis, stop: shiftOrder(machine.stop, millis) };
    case "running":
      return shiftLive(machine, millis);
    case "stopping":
      return {
        ...shiftLive(machine, millis),
        order: { ...machine.order, requestedAt: machine.order.requestedAt + millis },
        tries: machine.tries.map((entry): LadderTry => ({ ...entry, at: entry.at + millis })),
      };
    case "backoff":
      return {
        ...machine,
        ending: { ...machine.ending, at: machine.ending.at + millis },
        until: machine.until + millis,
      };
  }
}

function shiftOrder(order: StopOrder | null, millis: number): StopOrder | null {
  return order === null ? null : { ...order, requestedAt: order.requestedAt + millis };
}

function shiftLive<S extends Live>(live: S, millis: number): S {
  return {
    ...live,
    startedAt: live.startedAt + millis,
    shutdown: live.shutdown === null ? null : { ...live.shutdown, at: live.shutdown.at + millis },
    ...(live.standstill === undefined
      ? {}
      : { standstill: { ...live.standstill, since: live.standstill.since + millis } }),
    ...(live.standstillTold === undefined ? {} : { standstillTold: live.standstillTold + millis }),
  };
}
