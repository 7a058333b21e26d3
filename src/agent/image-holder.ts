import type { Allocation } from "../allocation/allocation.ts";
import type { MachineState } from "../allocation/machine.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { CheckedImage } from "../image/checked.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Store } from "../state/store.ts";

type Records = Pick<Store, "liveAllocations" | "lastLaunch">;

interface Wanted {
  readonly allocation: Pick<Allocation, "id">;
  readonly task: string;
  readonly image: Pick<CheckedImage, "name" | "identity">;
  readonly plan: Pick<LaunchPlan, "image">;
}

/**
 * Two machines may not write to one image, under whatever names: QEMU's own lock would end the second one without a word of who holds
 * it. A machine with `-snapshot` writes elsewhere and is left to that lock.
 * @throws AppError `conflict` that names the machine which has the image.
 */
export function assertImageFree(store: Records, { allocation, task, image, plan }: Wanted): void {
  if (plan.image?.written === undefined) return;
  for (const other of store.liveAllocations()) {
    for (const [name, { machine }] of Object.entries(other.tasks)) {
      if ((other.id === allocation.id && name === task) || !mayWrite(machine)) continue;
      const written = store.lastLaunch(other.id, name)?.image?.written;
      if (written?.dev !== image.identity.dev || written.ino !== image.identity.ino) continue;
      throw new AppError("conflict", `config.image_path: ${image.name} is ${holderText(other, name, machine)}`, {
        hint: 'stop that machine, give this one a copy of the image, or add "-snapshot" to args: then nothing is written to it',
      });
    }
  }
}

const mayWrite = ({ kind }: MachineState): boolean => kind === "starting" || kind === "running" || kind === "stopping";

function holderText({ id, jobId }: Allocation, task: string, machine: MachineState): string {
  const process = "identity" in machine ? `, QEMU is process ${machine.identity.pid}` : "";
  return `the disk of task "${task}" of job "${jobId}" (allocation ${shortId(id)}${process}), and two machines may not write to one image`;
}
