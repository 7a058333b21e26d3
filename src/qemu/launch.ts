import type { MachineLimits } from "../cgroup/limits.ts";
import type { ReadableImage } from "../image/checked.ts";
import type { DiskRecord } from "../image/disk-record.ts";
import type { DiskMode } from "../job/disk-mode.ts";
import type { MachineUser } from "../node/users.ts";

/** Where a word of QEMU's command line comes from, for `explain` and for messages. */
export type WordOrigin =
  | { readonly kind: "emulator" }
  /** We add it; `why` is one clause for people. */
  | { readonly kind: "paddock"; readonly why: string }
  /** An attribute of the job file: `config.accelerator`, `resources.memory`. */
  | { readonly kind: "job"; readonly attribute: string }
  /** `args[index]` of the job file; `note` when it was changed. */
  | { readonly kind: "args"; readonly index: number; readonly note?: string };

export interface Word {
  readonly word: string;
  readonly origin: WordOrigin;
}

/** One port forwarded from the host to the guest. */
export interface Forward {
  readonly label: string;
  readonly protocol: "tcp" | "udp";
  /** "" is every address of the host. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** The pure value that describes one QEMU process. */
export interface LaunchPlan {
  readonly argv: readonly Word[];
  /** Absolute: the task directory. */
  readonly cwd: string;
  /** QEMU's whole environment; nothing of the agent's. */
  readonly env: Readonly<Record<string, string>>;
  /** What QEMU runs as; null is the agent's own user, and so is its absence in plans of agents that knew no other. */
  readonly user?: MachineUser | null;
  readonly forwards: readonly Forward[];
  /** Descriptor numbers, in QEMU, of the checked boot disk; null when the job gave none. */
  readonly disk: {
    /** Null for a disk that is only read. */
    readonly readWrite: number | null;
    readonly readOnly: number;
    /** Of the image that an overlay stands over. */
    readonly base?: number;
  } | null;
  /** False when `args` bring a `-serial` of their own, with the word that did; `disabled` when the job wants no log of it. */
  readonly serial:
    | { readonly ours: true; readonly disabled?: true }
    | { readonly ours: false; readonly because: string };
  /** What the kernel holds it to where there are control groups; absent in launches of a former version. */
  readonly limits?: MachineLimits;
  /** For people: what was changed or has no effect. */
  readonly warnings: readonly string[];
  /** The boot disk as it was checked; absent in what a former version recorded, as the next one. */
  readonly image?: {
    readonly path: string;
    readonly format: string;
    /** The file that the guest writes to; absent under `-snapshot`, for a CD-ROM, and in what a former version recorded. */
    readonly written?: ReadableImage["identity"] | undefined;
    /** Files that are only read and must stay as they are; absent in what a former version recorded, as the following. */
    readonly read?: readonly ReadableImage["identity"][];
    readonly mode?: DiskMode;
    /** Bytes that the guest sees. */
    readonly size?: number;
    /** The image that an overlay stands over. */
    readonly base?: { readonly path: string; readonly format: string };
    /** Of a disk in place, which is taken for the same at every start; absent in what a former version recorded. */
    readonly record?: DiskRecord;
  };
  /** Version of the emulator. */
  readonly qemu?: string;
}
