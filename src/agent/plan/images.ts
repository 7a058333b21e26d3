import { isAbsolute } from "node:path";
import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { ReadableImage } from "../../image/checked.ts";
import { closeImage, findImage } from "../../image/open.ts";
import { groupsToRun } from "../../job/groups-to-run.ts";
import { type ExpandedConfig, interpolateConfig } from "../../job/interpolate.ts";
import type { Group, Job, Task } from "../../job/job.ts";
import { taskPlace } from "../../job/place-text.ts";
import { optionsNamed, readArguments } from "../../qemu/arguments.ts";
import type { PlacedGroup } from "../decide.ts";
import { createImageBook } from "../disk/image-holder.ts";
import { foreseenEnvironment } from "../foreseen-artifacts.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** The images of the host that new allocations would boot, and who has them. What artifacts bring is looked at when it is there. */
export function findImages(context: PlanContext, job: Job, placed: readonly PlacedGroup[]): Finding[] {
  return groupsToRun(job).flatMap((group) =>
    group.tasks.flatMap((task) => findImagesOf(context, { job, group, task }, placed)),
  );
}

interface Place {
  readonly job: Job;
  readonly group: Group;
  readonly task: Task;
}

function findImagesOf(context: PlanContext, place: Place, placed: readonly PlacedGroup[]): Finding[] {
  const { group, task } = place;
  const finding = (ok: boolean, text: string): Finding => ({
    topic: "image",
    where: taskPlace(group, task),
    ok,
    text,
  });
  const ports = placed.find((one) => one.group.name === group.name)?.ports ?? [];
  const { env, dirs } = foreseenEnvironment(context, place, ports);
  const { config, diagnostics } = interpolateConfig(task.config, env, context.node());
  // Ports that are not there are no mistake of the job's.
  if (diagnostics.length > 0)
    return placed.length === 0 ? [] : diagnostics.map(({ message }) => finding(false, message));
  if (!isAbsolute(config.image_path)) {
    if (task.artifacts.length > 0) return [];
    return [finding(false, `image_path ${JSON.stringify(config.image_path)}: the task has no artifact that brings it`)];
  }
  try {
    const image = findImage({
      imagePath: config.image_path,
      taskDir: dirs.task,
      allocDir: dirs.alloc,
      imagePaths: context.policy.imagePaths,
      closed: context.users !== null,
    });
    try {
      assertNoHolder(context, place, config, image);
      return [finding(true, describe(config, image))];
    } finally {
      closeImage(image);
    }
  } catch (error) {
    if (error instanceof AppError) return [finding(false, error.message)];
    throw error;
  }
}

const writesElsewhere = ({ disk, args }: ExpandedConfig, { cdrom }: ReadableImage): boolean =>
  cdrom || disk === "overlay" || disk === "copy" || optionsNamed(readArguments(args), "snapshot").length > 0;

/** @throws AppError `conflict` that names the machine which has the image; those of the job itself end before. */
function assertNoHolder(
  { store }: PlanContext,
  { job, task }: Place,
  config: ExpandedConfig,
  image: ReadableImage,
): void {
  const book = createImageBook({
    liveAllocations: () => store.liveAllocations().filter(({ jobId }) => jobId !== job.id),
    lastLaunch: (id, name) => store.lastLaunch(id, name),
  });
  const { name, identity, realPath: path, format } = image;
  const use = writesElsewhere(config, image) ? { read: [identity] } : { written: identity };
  book.claim({
    allocation: { id: "" },
    task: task.name,
    place: { generation: 1 },
    image: { name },
    plan: { image: { path, format, ...use } },
  });
}

function describe(config: ExpandedConfig, image: ReadableImage): string {
  const { realPath, format, virtualSize, cdrom } = image;
  const how = writesElsewhere(config, image) ? "only read" : "used in place and written to";
  return `${realPath}: ${cdrom ? "a CD-ROM" : format}, ${formatBytes(virtualSize)}, ${how}`;
}
