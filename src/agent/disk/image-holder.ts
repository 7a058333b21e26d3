import type { Allocation } from "../../allocation/allocation.ts";
import type { MachineState } from "../../allocation/machine.ts";
import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { BootDisk } from "../../image/checked.ts";
import type { LaunchPlan } from "../../qemu/launch.ts";
import type { Store } from "../../state/store.ts";
import type { MachinePlace } from "../../supervisor/machine-place.ts";

type Records = Pick<Store, "liveAllocations" | "lastLaunch">;

interface Wanted {
  readonly allocation: Pick<Allocation, "id">;
  readonly task: string;
  readonly place: Pick<MachinePlace, "generation">;
  readonly image: Pick<BootDisk, "name">;
  readonly plan: Pick<LaunchPlan, "image">;
}

type File = BootDisk["identity"];

/** Who has which image, or is about to have it. */
export interface ImageBook {
  /**
   * A file that one machine writes to is no other's, under whatever names, and what machines read stays as it is: QEMU's own lock would
   * end the second one without a word of who holds it. Readers share. What was claimed for a start holds until its machine has
   * a process, or has come to nothing. Launches of a former version do not say what they read; of these that lock keeps watch.
   * @throws AppError `conflict` that names the machine which has the file.
   */
  claim(wanted: Wanted): void;
}

interface Claim extends Use {
  readonly generation: number;
}

export function createImageBook(store: Records): ImageBook {
  /** By allocation and task. */
  const claims = new Map<string, ReadonlyMap<string, Claim>>();
  const useOf = (id: string, task: string, machine: MachineState): Use | undefined => {
    if (hasProcess(machine)) {
      const theirs = store.lastLaunch(id, task)?.image;
      return { written: theirs?.written, read: theirs?.read ?? [] };
    }
    const claim = claims.get(id)?.get(task);
    return claim?.generation === preparedGeneration(machine) ? claim : undefined;
  };
  return {
    claim: ({ allocation, task, place, image, plan }) => {
      const { written, read = [] } = plan.image ?? {};
      const live = store.liveAllocations();
      for (const other of live) {
        for (const [name, { machine }] of Object.entries(other.tasks)) {
          if (other.id === allocation.id && name === task) continue;
          const theirs = useOf(other.id, name, machine);
          const conflict = theirs === undefined ? undefined : conflictOf({ written, read }, theirs);
          if (conflict === undefined) continue;
          const { how, why, hint } = CONFLICTS[conflict];
          const holder = holderText(other, name, machine);
          throw new AppError("conflict", `config.image_path: ${image.name} ${how} ${holder}, and ${why}`, { hint });
        }
      }
      const known = new Set(live.map(({ id }) => id));
      for (const id of claims.keys()) if (!known.has(id)) claims.delete(id);
      const claim = { written, read, generation: place.generation };
      claims.set(allocation.id, new Map(claims.get(allocation.id)).set(task, claim));
    },
  };
}

/** Which start is being prepared, as the store knows it: that of the first is not written down. */
function preparedGeneration(machine: MachineState): number | undefined {
  if (machine.kind === "pending") return 1;
  return machine.kind === "preparing" ? machine.generation : undefined;
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
  if (ours.written !== undefined && isSameFile(ours.written, theirs.written)) return "both write";
  if (ours.written !== undefined && theirs.read.some((file) => isSameFile(file, ours.written))) return "we write";
  return ours.read.some((file) => isSameFile(file, theirs.written)) ? "they write" : undefined;
}

/** Whether two are one file, under whatever names. */
export const isSameFile = (one: File, other: File | undefined): boolean =>
  one.dev === other?.dev && one.ino === other.ino;

const hasProcess = ({ kind }: MachineState): boolean =>
  kind === "starting" || kind === "running" || kind === "stopping";

function holderText({ id, jobId }: Allocation, task: string, machine: MachineState): string {
  const process =
    "identity" in machine ? `, QEMU is process ${machine.identity.pid}` : hasProcess(machine) ? "" : ", about to start";
  return `task "${task}" of job "${jobId}" (allocation ${shortId(id)}${process})`;
}
