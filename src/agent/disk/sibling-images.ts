import { isAbsolute } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { ReadableImage } from "../../image/checked.ts";
import { closeImage, findImage } from "../../image/open.ts";
import { type ExpandedConfig, interpolateConfig } from "../../job/interpolate.ts";
import type { Group, Job } from "../../job/job.ts";
import { taskPlace } from "../../job/place-text.ts";
import { optionsNamed, readArguments } from "../../qemu/arguments.ts";
import type { AgentContext } from "../context.ts";
import { foreseenEnvironment } from "../foresee/artifacts.ts";
import { isSameFile } from "./image-holder.ts";

type ImageContext = Pick<AgentContext, "node" | "dirs" | "policy" | "users">;

/** Whether a machine leaves the image as it is: what its guest writes goes elsewhere. */
export const writesElsewhere = ({ disk, args }: ExpandedConfig, { cdrom }: ReadableImage): boolean =>
  cdrom || disk === "overlay" || disk === "copy" || optionsNamed(readArguments(args), "snapshot").length > 0;

/** The boot image of one task, as far as it can be told before anything is fetched. */
interface Boot {
  readonly task: string;
  readonly name: string;
  readonly file: ReadableImage["identity"];
  readonly written: boolean;
}

/**
 * Refuses a group of which two machines could never run together, because one writes to the image of the host that is another one's, too.
 * What artifacts bring lies in directories of their own; an image that is not there is the start's business.
 * @throws AppError `conflict` that names both tasks.
 */
export function assertImagesApart(context: ImageContext, job: Job): void {
  for (const group of job.groups) {
    if (group.tasks.length < 2) continue;
    const boots: Boot[] = [];
    for (const boot of bootsOf(context, job, group)) {
      const other = boots.find((one) => (one.written || boot.written) && isSameFile(one.file, boot.file));
      boots.push(boot);
      if (other === undefined) continue;
      const both = boot.written && other.written;
      const use = both ? "two machines may not write to one image" : "what one machine reads, no other may write to";
      const where = taskPlace(group, { name: boot.task });
      throw new AppError(
        "conflict",
        `${where}: config.image_path: ${boot.name} is the disk of task "${other.task}" as well, and ${use}`,
        {
          hint: 'use disk = "overlay" or "copy" in both, or add "-snapshot" to args: then nothing is written to the image',
        },
      );
    }
  }
}

function bootsOf(context: ImageContext, job: Job, group: Group): Boot[] {
  return group.tasks.flatMap((task): Boot[] => {
    const { env, dirs } = foreseenEnvironment(context, { job, group, task });
    const { config } = interpolateConfig(task.config, env, context.node());
    if (!isAbsolute(config.image_path)) return [];
    const image = findIfThere(context, config.image_path, dirs);
    if (image === undefined) return [];
    try {
      return [{ task: task.name, name: image.name, file: image.identity, written: !writesElsewhere(config, image) }];
    } finally {
      closeImage(image);
    }
  });
}

function findIfThere(
  { policy, users }: ImageContext,
  imagePath: string,
  { task, alloc }: { readonly task: string; readonly alloc: string },
): ReadableImage | undefined {
  try {
    return findImage({
      imagePath,
      taskDir: task,
      allocDir: alloc,
      imagePaths: policy.imagePaths,
      closed: users !== null,
    });
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
