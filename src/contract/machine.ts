import * as v from "valibot";
import type { Ending, EndReason, StopReceipt } from "../allocation/ending.ts";
import { FORCE_SIGNALS, RUNGS, type StopCause } from "../allocation/ladder.ts";
import type { CgroupNumbers } from "../cgroup/numbers.ts";
import { DiskSchema, type ToldDisk, writeDisk } from "./disk.ts";
import { CountSchema, NanosSchema, writeMillis, writeTime } from "./scalars.ts";

/** Every reason, in the order of the type. */
export const REASONS = [
  "guest-shutdown",
  "guest-reset",
  "guest-panic",
  "host-signal",
  "host-qmp-quit",
  "killed",
  "oom",
  "qemu-crash",
  "qemu-error",
  "not-started",
  "host-reboot",
  "lost",
] as const satisfies readonly EndReason[];

const CAUSES = [
  "job stopped",
  "job updated",
  "allocation stopped",
  "alloc is being migrated",
  "max_run_duration is over",
  "unhealthy",
  "sibling task failed",
  "leader task dead",
  "restart requested",
  "guest shut down",
] as const satisfies readonly StopCause[];

export const StopReceiptSchema = v.object({
  Cause: v.picklist(CAUSES),
  RequestedAt: NanosSchema,
  /** The guest was asked first. */
  Graceful: v.boolean(),
  ShutdownDelay: NanosSchema,
  KillTimeout: NanosSchema,
  /** What was asked for with `stop -signal`; null for a stop by the whole ladder. */
  Force: v.nullable(v.picklist(FORCE_SIGNALS)),
  /** The rung that worked; null when it ended before any was tried. */
  Rung: v.nullable(v.picklist(RUNGS)),
  /** From the request to the end. */
  Took: NanosSchema,
  Tries: v.array(v.object({ Rung: v.picklist(RUNGS), At: NanosSchema, Answer: v.nullable(v.string()) })),
});

/** Sizes in bytes. */
export const CgroupSchema = v.object({
  /** null for no limit. */
  MemoryMax: v.nullable(CountSchema),
  /** null before Linux 5.19. */
  MemoryPeak: v.nullable(CountSchema),
  /** How often the limit was reached and nothing could be given back; null when it was not counted. */
  LimitHits: v.nullable(CountSchema),
  /** Processes that the kernel killed for want of memory; null when it was not counted. */
  OOMKills: v.nullable(CountSchema),
  /** Processor time; null when it was not counted. */
  CPUTime: v.nullable(NanosSchema),
});

/** How a machine ended. */
export const EndingSchema = v.object({
  Reason: v.picklist(REASONS),
  Failed: v.boolean(),
  /** QEMU's exit status as a shell has it; null when there was no process or nobody knows. */
  ExitCode: v.nullable(CountSchema),
  /** 0 for none. */
  Signal: CountSchema,
  At: NanosSchema,
  Message: v.string(),
  Hint: v.nullable(v.string()),
  /** What the kernel counted of it; null where it had no control group. */
  Cgroup: v.nullable(CgroupSchema),
  Stop: v.nullable(StopReceiptSchema),
});
export type WireEnding = v.InferOutput<typeof EndingSchema>;

/** Reply of `GET /v1/vm/:alloc/:task/receipt`. */
export const ReceiptSchema = v.object({ AllocID: v.string(), Task: v.string(), ...EndingSchema.entries });
export type WireReceipt = v.InferOutput<typeof ReceiptSchema>;

/** The user that a machine's QEMU runs as; null is the agent's own. */
export const UserSchema = v.nullable(v.object({ Uid: CountSchema, Gid: CountSchema }));
type WireUser = v.InferOutput<typeof UserSchema>;

interface WireUserSource {
  readonly uid: number;
  readonly gid: number;
}

export function writeUser(user: WireUserSource | null | undefined): WireUser {
  return user ? { Uid: user.uid, Gid: user.gid } : null;
}

/** What the wire tells of a launch plan: the command line, and what is forwarded. Environment and descriptors are the agent's own. */
export interface ExplainedPlan {
  readonly argv: readonly { readonly word: string; readonly origin: ExplainedOrigin }[];
  readonly cwd: string;
  readonly user?: WireUserSource | null;
  readonly forwards: readonly {
    readonly label: string;
    readonly protocol: "tcp" | "udp";
    readonly hostAddress: string;
    readonly hostPort: number;
    readonly guestPort: number;
  }[];
  readonly warnings: readonly string[];
  readonly image?: ToldDisk;
  readonly limits?: ExplainedLimits;
  readonly serial:
    | { readonly ours: true; readonly disabled?: true }
    | { readonly ours: false; readonly because: string };
}

/** What the kernel holds a machine to; sizes in bytes. */
export interface ExplainedLimits {
  readonly memoryMax: number | null;
  readonly guestMemory: number | null;
  readonly cpuWeight: number;
  readonly cores: readonly number[];
  readonly pidsMax: number;
}

/** Where a word of the command line comes from. */
export type ExplainedOrigin =
  | { readonly kind: "emulator" }
  | { readonly kind: "paddock"; readonly why: string }
  | { readonly kind: "job"; readonly attribute: string }
  | { readonly kind: "args"; readonly index: number; readonly note?: string };

const OriginSchema = v.object({
  Kind: v.picklist(["emulator", "paddock", "job", "args"] as const satisfies readonly ExplainedOrigin["kind"][]),
  /** Of `paddock`: one clause for people. */
  Why: v.optional(v.string()),
  /** Of `job`: the attribute of the job file. */
  Attribute: v.optional(v.string()),
  /** Of `args`: which of them, from 0. */
  Index: v.optional(CountSchema),
  /** Of `args`: what was changed. */
  Note: v.optional(v.string()),
});
type WireOrigin = v.InferOutput<typeof OriginSchema>;

/** Reply of `GET /v1/vm/:alloc/:task/explain`. */
export const ExplainSchema = v.object({
  /** Attributes of the job, as `Attribute` has them, that are as they are where a job says nothing of them. */
  Defaults: v.array(v.string()),
  Argv: v.array(v.object({ Word: v.string(), Origin: OriginSchema })),
  Cwd: v.string(),
  User: UserSchema,
  Forwards: v.array(
    v.object({
      Label: v.string(),
      Protocol: v.picklist(["tcp", "udp"]),
      /** "" is every address of the host. */
      HostAddress: v.string(),
      HostPort: CountSchema,
      GuestPort: CountSchema,
    }),
  ),
  Warnings: v.array(v.string()),
  /** The boot disk. Absent of a start by a former version. */
  Image: v.optional(DiskSchema),
  /** The word of `args` that brought a serial port of its own, so that the log is not ours; null while it is. */
  OwnSerial: v.nullable(v.string()),
  /** True when the job wants no log of the serial port. */
  LogDisabled: v.optional(v.boolean()),
  /** What the kernel is asked to hold it to, where the host has control groups. Absent of a start by a former version. */
  Limits: v.optional(
    v.object({
      /** Bytes; null for no limit. */
      MemoryMax: v.nullable(CountSchema),
      /** Bytes of it for the guest; null when the command line does not tell. */
      GuestMemory: v.nullable(CountSchema),
      CPUWeight: CountSchema,
      /** Numbers of the host's processors; empty for all. */
      Cores: v.array(CountSchema),
      PidsMax: CountSchema,
    }),
  ),
});
export type WireExplain = v.InferOutput<typeof ExplainSchema>;

/** How a machine ended, its times in nanoseconds. */
export function writeEnding(ending: Ending): WireEnding {
  return {
    Reason: ending.reason,
    Failed: ending.failed,
    ExitCode: ending.exitCode,
    Signal: ending.signal,
    At: writeTime(ending.at),
    Message: ending.message,
    Hint: ending.hint,
    Cgroup: ending.cgroup == null ? null : writeCgroup(ending.cgroup),
    Stop: ending.stop === null ? null : writeStopReceipt(ending.stop),
  };
}

function writeCgroup(numbers: CgroupNumbers): v.InferOutput<typeof CgroupSchema> {
  return {
    MemoryMax: numbers.memoryMax,
    MemoryPeak: numbers.memoryPeak,
    LimitHits: numbers.limitHits,
    OOMKills: numbers.oomKills,
    CPUTime: numbers.cpuMillis === null ? null : writeMillis(numbers.cpuMillis),
  };
}

/** The ending of one task's machine as a reply of its own. */
export function writeReceipt(allocationId: string, task: string, ending: Ending): WireReceipt {
  return { AllocID: allocationId, Task: task, ...writeEnding(ending) };
}

/**
 * The command line word by word, each with where it comes from.
 * @param defaults attributes of the job that have their default.
 */
export function writeExplain(plan: ExplainedPlan, defaults: readonly string[] = []): WireExplain {
  return {
    Defaults: [...defaults],
    Argv: plan.argv.map(({ word, origin }) => ({ Word: word, Origin: writeOrigin(origin) })),
    Cwd: plan.cwd,
    User: writeUser(plan.user),
    Forwards: plan.forwards.map((forward) => ({
      Label: forward.label,
      Protocol: forward.protocol,
      HostAddress: forward.hostAddress,
      HostPort: forward.hostPort,
      GuestPort: forward.guestPort,
    })),
    Warnings: [...plan.warnings],
    ...(plan.image === undefined ? {} : { Image: writeDisk(plan.image) }),
    OwnSerial: plan.serial.ours ? null : plan.serial.because,
    ...(plan.serial.ours && plan.serial.disabled ? { LogDisabled: true } : {}),
    ...(plan.limits === undefined ? {} : { Limits: writeLimits(plan.limits) }),
  };
}

function writeLimits(limits: ExplainedLimits): WireExplain["Limits"] {
  return {
    MemoryMax: limits.memoryMax,
    GuestMemory: limits.guestMemory,
    CPUWeight: limits.cpuWeight,
    Cores: [...limits.cores],
    PidsMax: limits.pidsMax,
  };
}

function writeStopReceipt({ order, tries, rung, took }: StopReceipt): v.InferOutput<typeof StopReceiptSchema> {
  return {
    Cause: order.cause,
    RequestedAt: writeTime(order.requestedAt),
    Graceful: order.graceful,
    ShutdownDelay: writeMillis(order.shutdownDelay),
    KillTimeout: writeMillis(order.killTimeout),
    Force: order.force ?? null,
    Rung: rung,
    Took: writeMillis(took),
    Tries: tries.map((entry) => ({ Rung: entry.rung, At: writeTime(entry.at), Answer: entry.answer })),
  };
}

function writeOrigin(origin: ExplainedOrigin): WireOrigin {
  switch (origin.kind) {
    case "emulator":
      return { Kind: origin.kind };
    case "paddock":
      return { Kind: origin.kind, Why: origin.why };
    case "job":
      return { Kind: origin.kind, Attribute: origin.attribute };
    case "args":
      return { Kind: origin.kind, Index: origin.index, ...(origin.note === undefined ? {} : { Note: origin.note }) };
  }
}

/** Body of `POST /v1/vm/:alloc/:task/power`. */
export const PowerRequestSchema = v.object({ Action: v.picklist(["press", "reset", "pause", "resume"]) });

/** Its reply: QEMU's word for the guest afterwards, and a sentence for people. */
export const PowerReplySchema = v.object({ Guest: v.string(), Message: v.string() });
export type WirePowerReply = v.InferOutput<typeof PowerReplySchema>;

/** @param outcome what came of it. */
export function writePowerReply(outcome: { readonly guest: string; readonly message: string }): WirePowerReply {
  return { Guest: outcome.guest, Message: outcome.message };
}
