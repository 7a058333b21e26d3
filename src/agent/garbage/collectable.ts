import type { GarbageLimits } from "../../config/agent-config.ts";
import type { CollectReason } from "../../state/records.ts";

/** What the file system of the agent's directory has of its blocks and of its files in use, in percent. */
export interface DiskUse {
  readonly blocks: number;
  /** 0 where files are not counted. */
  readonly inodes: number;
}

/** Why allocations that are not in the way of anything have to go. */
export interface Pressure {
  /** Allocations that are too many. */
  readonly excess: number;
  readonly blocks: boolean;
  readonly inodes: boolean;
}

/** @param count allocations that there are, ended or not: Nomad counts them all. */
export function pressureOf(count: number, use: DiskUse, limits: GarbageLimits): Pressure {
  return {
    excess: Math.max(0, count - limits.maxAllocs),
    blocks: use.blocks > limits.diskUsage,
    inodes: use.inodes > limits.inodeUsage,
  };
}

/**
 * How a job stands to its ended allocations: `current` is to run, or died not long ago; `over` is dead for as long as Nomad's server
 * keeps one; `gone` was purged.
 */
export type JobStanding = "current" | "over" | "gone";

/** What is known of a job that is still there. */
export interface KnownJob {
  readonly type: string;
  readonly stop: boolean;
  readonly waits: boolean;
  /** An allocation of it has not ended. */
  readonly lives: boolean;
  /** The last thing that happened to it, in milliseconds since 1970. */
  readonly lastChange: number;
}

/**
 * As in Nomad, a service that failed for good is no dead job before somebody stops it; a batch job is once its machine has ended.
 * @param asked somebody wants everything gone that may go: then no dead job is waited for.
 */
export function standingOf(job: KnownJob | undefined, now: number, limits: GarbageLimits, asked: boolean): JobStanding {
  if (job === undefined) return "gone";
  if (job.lives || job.waits || !(job.stop || job.type === "batch")) return "current";
  return asked || now - job.lastChange >= limits.jobThresholdMillis ? "over" : "current";
}

/** Why an ended allocation would have to go now; null when it is in nobody's way. @param ended whoever purged its job may have said that nothing of it is to be kept. */
export function reasonToGo(
  { standing, endedAt, discarded }: Pick<Ended, "standing" | "endedAt"> & { readonly discarded: boolean },
  pressure: Pressure,
  now: number,
  limits: GarbageLimits,
): CollectReason | null {
  if (standing === "gone" && (discarded || now - endedAt >= limits.evalThresholdMillis)) return "purged";
  if (pressure.excess > 0) return "gc_max_allocs";
  if (pressure.blocks) return "gc_disk_usage_threshold";
  return pressure.inodes ? "gc_inode_usage_threshold" : null;
}

/** What an ended allocation has that somebody may miss. */
export interface Ended {
  readonly standing: JobStanding;
  /** When its last machine had ended, in milliseconds since 1970 by the clock of now. */
  readonly endedAt: number;
  /** No later one is there in its place, and its job asks for a machine there. */
  readonly newest: boolean;
  /** What takes its place will look for its disk, or for that of one before it. */
  readonly awaited: boolean;
  /** A guest has written to a disk in its directory, or nobody can tell. */
  readonly hasDisk: boolean;
}

export type Stay =
  | { readonly because: "newest" | "awaited" }
  /** @property until milliseconds since 1970. */
  | { readonly because: "disk"; readonly until: number };

/** Why an ended allocation has to stay, whatever presses; null when it may go. */
export function reasonToStay(ended: Ended, now: number, limits: GarbageLimits): Stay | null {
  if (ended.standing === "current" && ended.newest) return { because: "newest" };
  if (ended.awaited) return { because: "awaited" };
  const until = ended.endedAt + limits.diskRetentionMillis;
  return ended.hasDisk && now < until ? { because: "disk", until } : null;
}
