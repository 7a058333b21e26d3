import { isAbsolute, resolve } from "node:path";
import { findCached, planOffline } from "../../artifact/offline.ts";
import { cachedFile, planForFile } from "../../artifact/place.ts";
import { type ArtifactPlan, planArtifact } from "../../artifact/plan.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { describeImage } from "../../image/describe.ts";
import { closeImage, findImage } from "../../image/open.ts";
import type { DiskMode } from "../../job/disk-mode.ts";
import type { QemuConfig } from "../../job/job.ts";
import { cacheDir, type TaskDirs } from "../../paths.ts";
import { sourceRulesOf } from "../plan/artifacts.ts";
import type { PlanContext } from "../plan/finding.ts";
import { interpolateArtifact } from "../start/fetch-artifacts.ts";
import type { Subject } from "../start/subject.ts";

/** What a machine's disk will be, as far as that can be told before there is an allocation. */
export interface ForeseenImage {
  readonly format: "raw" | "qcow2";
  readonly cdrom: boolean;
  readonly mode: DiskMode;
  /** Bytes that the guest sees of the image; undefined where its header was not read. */
  readonly size: number | undefined;
  /** For people: what is not certain, or keeps the machine from starting. */
  readonly told: readonly string[];
}

type Found = Pick<ForeseenImage, "format" | "cdrom" | "size" | "told">;

/** Looks at a task's image where it is on this host already: below `image_paths`, or in the cache. Fetches nothing. */
export function foreseeImage(
  context: PlanContext,
  { task, env }: Pick<Subject, "task" | "env">,
  config: QemuConfig,
  dirs: TaskDirs,
): ForeseenImage {
  const { image_path: path } = config;
  if (isAbsolute(path)) {
    const found = lookOnHost(context, path, dirs);
    return { ...found, mode: config.disk ?? "direct" };
  }
  const plan = artifactOf(context, { task, env }, path, dirs);
  const found = plan === undefined ? undefined : lookInCache(context, plan);
  const told =
    task.artifacts.length > 0 ? [] : [`image_path ${JSON.stringify(path)}: no artifact of the task brings it`];
  const looked = found ?? {
    ...guess(path, "it is not here yet"),
    told: [...told, ...guess(path, "it is not here yet").told],
  };
  return { ...looked, mode: config.disk ?? (plan !== undefined && !looked.cdrom ? "overlay" : "direct") };
}

function lookOnHost({ policy, users }: PlanContext, imagePath: string, dirs: TaskDirs): Found {
  const { imagePaths } = policy;
  try {
    const closed = users !== null;
    const image = findImage({ imagePath, taskDir: dirs.task, allocDir: dirs.alloc, imagePaths, closed });
    closeImage(image);
    return { format: image.format, cdrom: image.cdrom, size: image.virtualSize, told: [] };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { told, ...guessed } = guess(imagePath, "it was not looked at");
    return { ...guessed, told: [error.message, ...told] };
  }
}

/** The artifact that becomes the image itself; what an archive holds is not known before it is unpacked. */
function artifactOf(
  context: PlanContext,
  { task, env }: Pick<Subject, "task" | "env">,
  path: string,
  dirs: TaskDirs,
): ArtifactPlan | undefined {
  const rules = sourceRulesOf(context);
  return task.artifacts
    .flatMap((artifact) => {
      try {
        return [planArtifact(interpolateArtifact(artifact, env, context), dirs, rules)];
      } catch (error) {
        if (error instanceof AppError) return [];
        throw error;
      }
    })
    .find((plan) => {
      const whole = planForFile(plan);
      return whole.unpack === null && whole.target.path === resolve(dirs.task, path);
    });
}

/** @returns undefined for what is not there, or cannot be seen by this user. */
function lookInCache({ dirs, site }: PlanContext, planned: ArtifactPlan): Found | undefined {
  try {
    const plan = site.offline ? planOffline(planned) : planned;
    const entry = plan.checksumFile === null ? findCached(plan, cacheDir(dirs)) : undefined;
    const file = entry === undefined ? undefined : cachedFile(plan, entry.files);
    if (file === undefined) return undefined;
    const { format, cdrom = false, virtualSize } = describeImage(file);
    if (format !== "raw" && format !== "qcow2") return undefined;
    return { format, cdrom, size: virtualSize ?? undefined, told: [] };
  } catch (error) {
    if (error instanceof AppError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** What a name promises. */
function guess(path: string, why: string): Found {
  const cdrom = /\.iso$/i.test(path);
  const format = /\.qcow2?$/i.test(path) ? "qcow2" : "raw";
  const what = cdrom ? "a CD-ROM" : format;
  return {
    format,
    cdrom,
    size: undefined,
    told: [`image_path ${JSON.stringify(path)}: ${why}, and is taken for ${what} by its name; its header decides`],
  };
}
