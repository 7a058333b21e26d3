import * as v from "valibot";
import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import { clientStatus } from "../allocation/allocation.ts";
import { MACHINE_STATES } from "../allocation/machine.ts";
import type { PostMortem } from "../allocation/post-mortem.ts";
import type { Remains } from "../allocation/remains.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { DiskSchema, writeDisk } from "./disk.ts";
import { EndingSchema, writeEnding } from "./machine.ts";
import { CountSchema, IdSchema, NanosSchema, writeMillis, writeTime } from "./scalars.ts";
import { TaskEventSchema, writeTaskEvent } from "./task-state.ts";

/** What the wire tells of why a machine ended; of its start, what is no secret of the agent's. */
export interface ToldWhy {
  readonly allocation: Allocation;
  readonly name: string;
  readonly task: TaskRecord;
  readonly ends: readonly PostMortem[];
  readonly end: PostMortem | null;
  readonly plan: {
    readonly argv: readonly { readonly word: string }[];
    readonly cwd: string;
    readonly image?: { readonly path: string; readonly format: string };
    readonly qemu?: string;
  } | null;
  readonly history: readonly TaskEvent[];
  readonly artifacts: readonly {
    readonly source: string;
    readonly destination: string;
    readonly checksum: string | null;
  }[];
}

/** What the machine's QEMU and guest wrote themselves; not fit for a terminal. */
export const RemainsSchema = v.object({
  /** The end of the journal; `Data` is JSON, cut when it is long. */
  Events: v.array(v.object({ Name: v.string(), At: NanosSchema, Data: v.string() })),
  Status: v.string(),
  Stderr: v.string(),
  Serial: v.string(),
  /** null when the kernel's log was not looked at; `Unread` says why it could not be read. */
  Kernel: v.nullable(v.object({ Lines: v.array(v.string()), Unread: v.nullable(v.string()) })),
});

const EndSchema = v.object({
  /** Which start of the task it was, from 1. */
  Generation: CountSchema,
  Ending: EndingSchema,
  /** 0 when it never had a process. */
  StartedAt: NanosSchema,
  EndedAt: NanosSchema,
  Pid: v.nullable(CountSchema),
  /** A former agent had started it. */
  Adopted: v.boolean(),
  /** False when it ended while no agent ran. */
  Watched: v.boolean(),
  Restart: v.object({ Restart: v.boolean(), Reason: v.string(), Delay: NanosSchema }),
  Remains: v.nullable(RemainsSchema),
  /** QEMU's command line; empty when it came to none. */
  Argv: v.array(v.string()),
  Cwd: v.string(),
  Image: v.nullable(DiskSchema),
  History: v.array(TaskEventSchema),
  Versions: v.object({ Paddock: v.string(), Kernel: v.string(), Qemu: v.nullable(v.string()) }),
});

/** Reply of `GET /v1/vm/:alloc/:task/why`. */
export const WhySchema = v.object({
  AllocID: IdSchema,
  JobID: v.string(),
  JobVersion: CountSchema,
  Task: v.string(),
  ClientStatus: v.string(),
  /** What the machine does now. */
  Machine: v.picklist(MACHINE_STATES),
  Generation: CountSchema,
  Guest: v.nullable(v.string()),
  Pid: v.nullable(CountSchema),
  StartedAt: NanosSchema,
  /** When it starts again; 0 unless it waits to. */
  RestartAt: NanosSchema,
  /** Every end that is kept, newest first. */
  Ends: v.array(v.object({ Generation: CountSchema, Reason: v.string(), At: NanosSchema, Message: v.string() })),
  Artifacts: v.array(v.object({ Source: v.string(), Destination: v.string(), Checksum: v.nullable(v.string()) })),
  /** null when it has not ended yet. */
  End: v.nullable(EndSchema),
});
export type WireWhy = v.InferOutput<typeof WhySchema>;

/** What became of a machine, its times in nanoseconds. */
export function writeWhy(why: ToldWhy): WireWhy {
  const { allocation, name, task, ends, end, artifacts } = why;
  const { machine } = task;
  const live = machine.kind === "running" || machine.kind === "stopping" ? machine : null;
  return {
    AllocID: allocation.id,
    JobID: allocation.jobId,
    JobVersion: allocation.jobVersion,
    Task: name,
    ClientStatus: clientStatus(allocation),
    Machine: machine.kind,
    Generation: machine.kind === "pending" ? 0 : machine.generation,
    Guest: live?.guest ?? null,
    Pid: live?.identity.pid ?? null,
    StartedAt: live === null ? 0 : writeTime(live.startedAt),
    RestartAt: machine.kind === "backoff" ? writeTime(machine.until) : 0,
    Ends: ends.map(({ generation, ending, endedAt }) => ({
      Generation: generation,
      Reason: ending.reason,
      At: writeTime(endedAt),
      Message: ending.message,
    })),
    Artifacts: artifacts.map(({ source, destination, checksum }) => ({
      Source: source,
      Destination: destination,
      Checksum: checksum,
    })),
    End: end === null ? null : writeEnd(end, why),
  };
}

function writeEnd(end: PostMortem, { plan, history }: ToldWhy): v.InferOutput<typeof EndSchema> {
  return {
    Generation: end.generation,
    Ending: writeEnding(end.ending),
    StartedAt: end.startedAt === 0 ? 0 : writeTime(end.startedAt),
    EndedAt: writeTime(end.endedAt),
    Pid: end.pid,
    Adopted: end.adopted,
    Watched: end.remains?.watched ?? true,
    Restart: { Restart: end.next.restart, Reason: end.next.reason, Delay: writeMillis(end.next.delay) },
    Remains: end.remains === null ? null : writeRemains(end.remains),
    Argv: plan?.argv.map(({ word }) => word) ?? [],
    Cwd: plan?.cwd ?? "",
    Image: plan?.image === undefined ? null : writeDisk(plan.image),
    History: history.map(writeTaskEvent),
    Versions: { Paddock: end.versions.paddock, Kernel: end.versions.kernel, Qemu: plan?.qemu ?? null },
  };
}

function writeRemains({ events, status, stderr, serial, kernel }: Remains): v.InferOutput<typeof RemainsSchema> {
  return {
    Events: events.map(({ name, at, data }) => ({ Name: name, At: writeTime(at), Data: data })),
    Status: status,
    Stderr: stderr,
    Serial: serial,
    Kernel: kernel === null ? null : { Lines: [...kernel.lines], Unread: kernel.unread },
  };
}
