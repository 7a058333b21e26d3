import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { MachineState } from "../../src/allocation/machine.ts";
import type { TaskEvent } from "../../src/allocation/task-event.ts";
import { type CliApi, serveCliApi } from "./cli-api.ts";
import { allocation, jobRecord, jobText, PLAN, RECORD_TIME, RUNNING, taskRecord } from "./records.ts";

/** What a command that went well leaves beside its output. */
export const quiet = { code: 0, stderr: "" };

export function event(type: TaskEvent["type"], message: string, change: Partial<TaskEvent> = {}): TaskEvent {
  return { type, message, time: RECORD_TIME, details: {}, failsTask: false, ...change };
}

/** The allocation of the tests with its machine in this state. */
export function inState(
  machine: MachineState,
  events: readonly TaskEvent[] = [],
  change: Partial<Allocation> = {},
): Allocation {
  return allocation({ tasks: { vm: taskRecord(machine, { events }) }, ...change });
}

/** An API with one job whose machine runs. */
export function withRunningJob(): CliApi {
  const api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: inState(RUNNING, [event("Started", "it runs")]), plan: PLAN });
  return api;
}

/** Puts the first of these states at once, and each other one when somebody waits for a change. */
export function putInTurn({ agent }: CliApi, first: Allocation | undefined, ...later: readonly Allocation[]): void {
  if (first !== undefined) agent.put({ allocation: first });
  const coming = [...later];
  const wait = agent.changes.waitAbove;
  Object.assign(agent.changes, {
    waitAbove: (...waited: Parameters<typeof wait>) => {
      const next = coming.shift();
      if (next !== undefined) queueMicrotask(() => agent.put({ allocation: next }));
      return wait(...waited);
    },
  });
}

/** Writes a job file for a command to read. @returns its path. */
export function writeJob(api: CliApi, text = jobText()): string {
  const file = join(api.dir, "web.hcl");
  writeFileSync(file, text);
  return file;
}
