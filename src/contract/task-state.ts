import * as v from "valibot";
import { type FetchProgress, type TaskRecord, taskFailed, taskState } from "../allocation/allocation.ts";
import type { Standstill } from "../allocation/disk-fault.ts";
import { MACHINE_STATES } from "../allocation/machine.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { EndingSchema, UserSchema, writeEnding, writeUser } from "./machine.ts";
import { CountSchema, NanosSchema, TextMapSchema, TimestampSchema, writeTime, writeTimestamp } from "./scalars.ts";

export const TaskEventSchema = v.object({
  Type: v.string(),
  Time: NanosSchema,
  Message: v.string(),
  DisplayMessage: v.string(),
  Details: TextMapSchema,
  FailsTask: v.boolean(),
});

export const ProgressSchema = v.object({
  Source: v.string(),
  Bytes: v.pipe(v.number(), v.minValue(0)),
  /** null when the server does not say. */
  Total: v.nullable(v.pipe(v.number(), v.minValue(0))),
  /** Bytes a second. */
  Rate: v.pipe(v.number(), v.minValue(0)),
});

/** What Nomad has no word for. */
export const MachineSchema = v.object({
  Machine: v.picklist(MACHINE_STATES),
  /** QEMU's own words for what the guest does; null while there is no process. */
  Guest: v.nullable(v.string()),
  /** Why the guest stands still in `io-error`; null while it does not, absent of an agent of before. */
  Standstill: v.optional(
    v.nullable(
      v.object({
        /** QEMU's name of the disk; null when it told none. */
        Device: v.nullable(v.string()),
        Status: v.picklist(["nospace", "failed", "unknown"]),
        Since: NanosSchema,
        /** Paused by command: it does not go on by itself. */
        Held: v.boolean(),
      }),
    ),
  ),
  /** True when a former agent had started it. */
  Adopted: v.boolean(),
  Pid: v.nullable(CountSchema),
  /** Labels of the allocation's ports that may lead into it; absent of an agent of before. */
  Ports: v.optional(v.array(v.string())),
  /** What it runs as; null is the agent's own user, or not known yet. */
  User: UserSchema,
  /** Why it ended; null before. */
  Reason: v.nullable(EndingSchema.entries.Reason),
  /** What is being fetched. */
  Progress: v.nullable(ProgressSchema),
  Ending: v.nullable(EndingSchema),
});
type WireMachine = v.InferOutput<typeof MachineSchema>;

/** Nomad's `TaskState`, with `Paddock` beside its fields. */
export const TaskStateSchema = v.object({
  State: v.picklist(["pending", "running", "dead"]),
  Failed: v.boolean(),
  Restarts: CountSchema,
  LastRestart: TimestampSchema,
  StartedAt: TimestampSchema,
  FinishedAt: TimestampSchema,
  Events: v.array(TaskEventSchema),
  Paddock: MachineSchema,
});
export type WireTaskState = v.InferOutput<typeof TaskStateSchema>;

/** A task in Nomad's words, and its machine in ours. @param ports labels of those that may lead into it. */
export function writeTaskState(task: TaskRecord, ports: readonly string[] = []): WireTaskState {
  return {
    State: taskState(task.machine),
    Failed: taskFailed(task.machine),
    Restarts: task.restarts,
    LastRestart: writeTimestamp(task.lastRestart),
    StartedAt: writeTimestamp(task.startedAt),
    FinishedAt: writeTimestamp(task.finishedAt),
    Events: task.events.map(writeTaskEvent),
    Paddock: { ...writeMachine(task), Ports: [...ports] },
  };
}

/** An event of a task's history, its time in nanoseconds. */
export function writeTaskEvent(event: TaskEvent): v.InferOutput<typeof TaskEventSchema> {
  return {
    Type: event.type,
    Time: writeTime(event.time),
    Message: event.message,
    DisplayMessage: event.message,
    Details: event.details,
    FailsTask: event.failsTask,
  };
}

function writeMachine({ machine, progress, user }: TaskRecord): WireMachine {
  const live = machine.kind === "running" || machine.kind === "stopping" ? machine : null;
  const ending = machine.kind === "ended" || machine.kind === "backoff" ? machine.ending : null;
  return {
    Machine: machine.kind,
    Guest: live?.guest ?? null,
    Standstill: live?.standstill === undefined ? null : writeStandstill(live.standstill),
    Adopted: live?.adopted ?? false,
    Pid: live?.identity.pid ?? null,
    User: live === null ? null : writeUser(user),
    Reason: ending?.reason ?? null,
    Progress: progress === undefined ? null : writeProgress(progress),
    Ending: ending === null ? null : writeEnding(ending),
  };
}

function writeStandstill({ device, status, since, held }: Standstill): WireMachine["Standstill"] {
  return { Device: device, Status: status, Since: writeTime(since), Held: held };
}

/** How far a download has come. */
export function writeProgress(progress: FetchProgress): v.InferOutput<typeof ProgressSchema> {
  return { Source: progress.source, Bytes: progress.bytes, Total: progress.total, Rate: progress.rate };
}
