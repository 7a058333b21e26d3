import type { Allocation, FetchProgress } from "../allocation/allocation.ts";
import type { Rung } from "../allocation/ladder.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import type { BootDisk } from "../image/checked.ts";
import { closeImage } from "../image/open.ts";
import type { MachineUser } from "../node/users.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Child } from "../runtime/spawn.ts";
import type { MachinePlace } from "./machine-place.ts";
import type { Watch } from "./watch.ts";

/** Everything a machine needs to be spawned; whoever holds it closes the image. */
export interface Prepared {
  readonly plan: LaunchPlan;
  readonly image: BootDisk;
}

export interface PrepareRequest {
  readonly allocation: Allocation;
  readonly task: string;
  readonly place: MachinePlace;
  /** True when its artifacts were fetched for an earlier start. */
  readonly fetched: boolean;
  /** Aborts when the machine is to be stopped before it started. */
  readonly signal: AbortSignal;
  readonly report: (event: TaskEvent) => void;
  /** Keeps what the machine will run as, before anything belongs to that user. */
  readonly keepUser: (user: MachineUser | null) => void;
  readonly onProgress: (progress: FetchProgress | undefined) => void;
}

/** Fetches, checks and plans. @throws AppError when the machine cannot be started; what failed is in its events then. */
export type Prepare = (request: PrepareRequest) => Promise<Prepared>;

/** What the actor holds of a machine beside its record. */
export interface Hands {
  preparing: AbortController | null;
  prepared: Prepared | null;
  child: Child | null;
  watch: Watch | null;
  /** Absolute: the machine's control group; null when it has none. */
  group: string | null;
  cancelWake: () => void;
  /** The rungs that are being tried; their answers belong into the receipt. */
  climbing: Promise<unknown>;
  /** Rungs that were asked and have not answered yet. */
  readonly unanswered: Set<Rung>;
  /** How often a guest that stood still was made to run on so that it could hear. */
  resumed: number;
  progress: FetchProgress | undefined;
}

/** Hands that hold nothing yet. */
export function emptyHands(): Hands {
  return {
    preparing: null,
    prepared: null,
    child: null,
    watch: null,
    group: null,
    cancelWake: () => undefined,
    climbing: Promise.resolve(),
    unanswered: new Set(),
    resumed: 0,
    progress: undefined,
  };
}

/** Closes the descriptors of a checked image; QEMU has its own by then, or never will. */
export function releaseImage(hands: Hands): void {
  if (hands.prepared === null) return;
  closeImage(hands.prepared.image);
  hands.prepared = null;
}
