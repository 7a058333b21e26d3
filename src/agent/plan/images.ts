import { isAbsolute } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Allocation } from "../../allocation/allocation.ts";
import { placeName } from "../../allocation/place.ts";
import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { isTemplate } from "../../hcl/syntax/embedded.ts";
import type { ReadableImage } from "../../image/checked.ts";
import { closeImage, findImage } from "../../image/open.ts";
import { type ExpandedConfig, interpolateConfig } from "../../job/interpolate.ts";
import type { Group, Job, Task } from "../../job/job.ts";
import { taskPlace } from "../../job/place-text.ts";
import { createImageBook, isSameFile } from "../disk/image-holder.ts";
import { writesElsewhere } from "../disk/sibling-images.ts";
import { foreseenEnvironment } from "../foresee/artifacts.ts";
import type { PlacedCopy } from "../place/decide.ts";
import type { Change } from "../reconcile/change.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** The images of the host that new allocations would boot, and who has them. What artifacts bring is looked at when it is there. */
export function findImages(context: PlanContext, job: Job, change: Change, placed: readonly PlacedCopy[]): Finding[] {
  const gone = new Set([...change.stopped, ...change.replaced.map(({ allocation }) => allocation)].map(({ id }) => id));
  const around: Around = { placed, stays: ({ id }) => !gone.has(id), taken: [] };
  const places = [...change.created, ...change.replaced.map(({ allocation }) => allocation)];
  const found = job.groups.flatMap((group) => {
    const copies = places.filter((place) => place.group === group.name).map(({ index }) => index);
    return group.tasks.flatMap((task) => {
      // Of copies that all have one image the second one tells what there is to tell of the others.
      const looked = isTemplate(task.config.image_path) ? copies : copies.slice(0, 2);
      return looked.flatMap((index) => findImagesOf(context, { job, group, task, index }, around));
    });
  });
  return found.filter((one, at) => found.findIndex((other) => isDeepStrictEqual(other, one)) === at);
}

interface Place {
  readonly job: Job;
  readonly group: Group;
  readonly task: Task;
  readonly index: number;
}

/** What else there is, or will be. */
interface Around {
  readonly placed: readonly PlacedCopy[];
  /** Whether an allocation goes on. */
  readonly stays: (allocation: Allocation) => boolean;
  /** What new machines have that were looked at before. */
  readonly taken: { readonly image: ReadableImage; readonly written: boolean; readonly copy: string }[];
}

function findImagesOf(context: PlanContext, place: Place, around: Around): Finding[] {
  const { group, task } = place;
  const finding = (ok: boolean, text: string): Finding => ({
    topic: "image",
    where: taskPlace(group, task),
    ok,
    text,
  });
  const ports = around.placed.find((one) => one.group.name === group.name)?.ports ?? [];
  const { env, dirs } = foreseenEnvironment(context, place, ports);
  const { config, diagnostics } = interpolateConfig(task.config, env, context.node());
  // Ports that are not there are no mistake of the job's.
  if (diagnostics.length > 0)
    return around.placed.length === 0 ? [] : diagnostics.map(({ message }) => finding(false, message));
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
      assertNoHolder(context, place, around, { config, image });
      return [finding(true, describe(config, image))];
    } finally {
      closeImage(image);
    }
  } catch (error) {
    if (error instanceof AppError) return [finding(false, error.message)];
    throw error;
  }
}

/** @throws AppError `conflict` that names the machine which has the image, or the copy that will; those that are replaced end before. */
function assertNoHolder(
  { store }: PlanContext,
  { job, group, task, index }: Place,
  { stays, taken }: Around,
  { config, image }: { readonly config: ExpandedConfig; readonly image: ReadableImage },
): void {
  const book = createImageBook({
    liveAllocations: () => store.liveAllocations().filter(stays),
    lastLaunch: (id, name) => store.lastLaunch(id, name),
  });
  const { name, identity, realPath: path, format } = image;
  const written = !writesElsewhere(config, image);
  const use = written ? { written: identity } : { read: [identity] };
  book.claim({
    allocation: { id: "" },
    task: task.name,
    place: { generation: 1 },
    image: { name },
    plan: { image: { path, format, ...use } },
  });
  const copy = `task "${task.name}" of ${placeName(job.id, { group: group.name, index })}`;
  const other = taken.find((one) => (one.written || written) && isSameFile(one.image.identity, identity));
  taken.push({ image, written, copy });
  if (other === undefined) return;
  throw new AppError("conflict", `config.image_path: ${name} is the disk of ${other.copy} as well as of ${copy}`);
}

function describe(config: ExpandedConfig, image: ReadableImage): string {
  const { realPath, format, virtualSize, cdrom } = image;
  const how = writesElsewhere(config, image) ? "only read" : "used in place and written to";
  return `${realPath}: ${cdrom ? "a CD-ROM" : format}, ${formatBytes(virtualSize)}, ${how}`;
}
