import type { Allocation } from "../allocation/allocation.ts";
import type { MachineState } from "../allocation/machine.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { BootDisk } from "../image/checked.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Store } from "../state/store.ts";

type Records = Pick<Store, "liveAllocations" | "lastLaunch">;

interface Wanted {
  readonly allocation: Pick<Allocation, "id">;
  readonly task: string;
  readonly image: Pick<BootDisk, "name">;
  readonly plan: Pick<LaunchPlan, "image">;
}

type File = BootDisk["identity"];

/**
 * A file that one machine writes to is no other's, under whatever names, and what machines read stays as it is: QEMU's own lock would
 * end the second one without a word of who holds it. Readers share. Launches of a former version do not say what they read; of these
 * that lock keeps watch.
 * @throws AppError `conflict` that names the machine which has the file.
 */
export function assertImageFree(store: Records, { allocation, task, image, plan }: Wanted): void {
  const { written, read = [] } = plan.image ?? {};
  for (const other of store.liveAllocations()) {
    for (const [name, { machine }] of Object.entries(other.tasks)) {
      if ((other.id === allocation.id && name === task) || !hasProcess(machine)) continue;
      const theirs = store.lastLaunch(other.id, name)?.image;
      const conflict = conflictOf({ written, read }, { written: theirs?.written, read: theirs?.read ?? [] });
      if (conflict === undefined) continue;
      const { how, why, hint } = CONFLICTS[conflict];
      throw new AppError(
        "conflict",
        `config.image_path: ${image.name} ${how} ${holderText(other, name, machine)}, and ${why}`,
        {
          hint,
        },
      );
    }
  }
}

interface Use {
  readonly written: File | undefined;
  readonly read: readonly File[];
}

const CONFLICTS = {
  "both write": {
    how: "is the disk of",
    why: "two machines may not write to one image",
    hint: 'stop that machine, use disk = "copy", or add "-snapshot" to args: then nothing is written to it',
  },
  "we write": {
    how: "is read by",
    why: "what a machine reads, no other may write to",
    hint: 'stop that machine, or use disk = "overlay" or "copy", or "-snapshot" in args: then nothing is written to the image',
  },
  "they write": {
    how: "is written to by",
    why: "what is written to, no other machine may stand over",
    hint: "stop that machine, or give this one a copy of the image that was made while nobody wrote to it",
  },
} as const;

function conflictOf(ours: Use, theirs: Use): keyof typeof CONFLICTS | undefined {
  if (ours.written !== undefined && isSame(ours.written, theirs.written)) return "both write";
  if (ours.written !== undefined && theirs.read.some((file) => isSame(file, ours.written))) return "we write";
  return ours.read.some((file) => isSame(file, theirs.written)) ? "they write" : undefined;
}

const isSame = (one: File, other: File | undefined): boolean => one.dev === other?.dev && one.ino === other.ino;

const hasProcess = ({ kind }: MachineState): boolean =>
  kind === "starting" || kind === "running" || kind === "stopping";

function holderText({ id, jobId }: Allocation, task: string, machine: MachineState): string {
  const process = "identity" in machine ? `, QEMU is process ${machine.identity.pid}` : "";
  return `task "${task}" of job "${jobId}" (allocation ${shortId(id)}${process})`;
}
