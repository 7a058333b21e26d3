import type { Collection } from "../../state/records.ts";
import type { LeftDisk } from "../disk/left.ts";

/** A disk that keeps an ended allocation from being removed. */
export interface KeptDisk extends LeftDisk {
  readonly allocationId: string;
  readonly jobId: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** What garbage collection did. */
export interface GarbageOutcome {
  readonly removed: readonly Collection[];
  /** Jobs and evaluations that were forgotten. */
  readonly jobs: number;
  readonly evaluations: number;
  /** Disks for whose sake something stays; those that were met. */
  readonly kept: readonly KeptDisk[];
  /** Why something that was to go is still there, for people. */
  readonly troubles: readonly string[];
}
