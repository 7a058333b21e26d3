import { resolve } from "node:path";
import type { AssignedPort } from "../../allocation/allocation.ts";
import { placeName } from "../../allocation/place.ts";
import { readDiskSize } from "../../job/disk-mode.ts";
import type { QemuConfig } from "../../job/job.ts";
import { diskFiles, type TaskDirs } from "../../paths.ts";
import { forwardsOf } from "../../qemu/forward.ts";
import type { LaunchPlan } from "../../qemu/launch.ts";
import type { LaunchImage } from "../../qemu/plan.ts";
import type { PlanContext } from "../plan/finding.ts";
import { commandLineOf, type MachinePaths } from "../start/command-line.ts";
import { environmentOf, interpolateTaskConfig, portsInto, type Subject } from "../start/subject.ts";
import { type ForeseenImage, foreseeImage } from "./image.ts";

/** What only a start decides, made up for a look ahead. */
export interface MadeUp {
  readonly allocationId: string;
  readonly ports: readonly AssignedPort[];
  /** Numbers of the processors that the machine would be bound to. */
  readonly cores: readonly number[];
  readonly place: MachinePaths & { readonly dirs: TaskDirs };
}

/** A machine as it would be started. */
export interface ForeseenLaunch {
  readonly plan: LaunchPlan;
  readonly config: QemuConfig;
  readonly image: ForeseenImage;
  readonly env: Subject["env"];
}

/**
 * Makes the command line of a task of a job that was not submitted, as `prepare.ts` would make it.
 * @param index of the copy.
 * @throws AppError as a start would, but for what only a start meets: users, busy ports, files that are not there.
 */
export function foreseeLaunch(
  context: PlanContext,
  { job, group, task, index }: Pick<Subject, "job" | "group" | "task"> & { readonly index: number },
  { allocationId: id, ports, cores, place }: MadeUp,
): ForeseenLaunch {
  const { dirs } = place;
  const name = placeName(job.id, { group: group.name, index });
  const env = environmentOf(context, { job, group, task, cores }, { id, name, index, ports }, dirs);
  const subject: Subject = { job, group, task, cores, env };
  const config = interpolateTaskConfig(context, subject);
  const image = foreseeImage(context, subject, config, dirs);
  const plan = commandLineOf(context, subject, {
    config,
    image: launchImage(image, config, dirs),
    forwards: forwardsOf(config.port_map, portsInto(group, task, { ports })),
    user: null,
    place,
  });
  return { plan, config, image, env };
}

function launchImage({ format, cdrom, mode, size }: ForeseenImage, config: QemuConfig, dirs: TaskDirs): LaunchImage {
  const { image_path: name, disk_size: asked } = config;
  const realPath = resolve(dirs.task, name);
  const files = diskFiles(dirs);
  const virtualSize = (asked === undefined ? undefined : readDiskSize(asked)) ?? size;
  const seen = virtualSize === undefined ? {} : { virtualSize };
  switch (mode) {
    case "overlay":
      return { name, format: "qcow2", mode, realPath: files.overlay, base: { format, realPath }, ...seen };
    case "copy":
      return { name, format, mode, realPath: files.copy, ...seen };
    case "direct":
      return { name, format, mode, realPath, cdrom, ...seen };
  }
}
