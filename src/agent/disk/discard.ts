import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { type Allocation, isTerminal } from "../../allocation/allocation.ts";
import { isSamePlace } from "../../allocation/place.ts";
import { planForFile } from "../../artifact/place.ts";
import { planArtifact } from "../../artifact/plan.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes } from "../../base/units.ts";
import { isTemplate } from "../../hcl/syntax/embedded.ts";
import { changeOf } from "../../image/disk-record.ts";
import type { Artifact, Group, Job, Task } from "../../job/job.ts";
import { type AgentDirs, taskDirs } from "../../paths.ts";
import type { AgentContext } from "../context.ts";
import { placesOf } from "../reconcile/reconcile.ts";
import { type FormerDisk, findFormerDisk } from "./bring.ts";
import { retentionText } from "./kept.ts";
import { isBelow } from "./left.ts";

/** What becomes of the disk of a task whose allocation a changed job replaces. */
export interface DiskFate {
  readonly allocationId: string;
  readonly task: string;
  /** For whoever changes the job. */
  readonly message: string;
  /** What the new machine will not have; null when it has it, or when nothing was written. */
  readonly discarded: {
    /** Where it stays. */
    readonly path: string;
    /** Bytes that it takes: of an overlay, what was written; null where that is not known. */
    readonly bytes: number | null;
  } | null;
  /** The job asks for no machine in its place any more, and may do so again. */
  readonly waits?: boolean;
}

type FateContext = Pick<AgentContext, "store" | "dirs" | "garbage">;

/**
 * What becomes of the disks of allocations whose place a changed job takes.
 * @param replaced of the former allocations; those that have ended are told of only when a disk is left.
 */
export async function fatesOfDisks(
  context: FateContext,
  replaced: readonly Allocation[],
  next: Job,
): Promise<DiskFate[]> {
  const fates: DiskFate[] = [];
  for (const allocation of replaced) {
    for (const task of Object.keys(allocation.tasks)) {
      const fate = await fateOf(context, allocation, task, next);
      if (fate.discarded !== null || fate.waits === true || !isTerminal(allocation)) fates.push(fate);
    }
  }
  return fates;
}

async function fateOf(context: FateContext, allocation: Allocation, task: string, next: Job): Promise<DiskFate> {
  const { id } = allocation;
  const goesOn = placesOf(next).some((place) => isSamePlace(place, allocation));
  const [ended, also] = isTerminal(allocation) ? ["has ended", " and is replaced"] : ["is stopped", " and replaced"];
  const place = `allocation ${shortId(id)} ${ended}${goesOn ? also : ""}`;
  const fate = (text: string, discarded: DiskFate["discarded"] = null): DiskFate => ({
    allocationId: id,
    task,
    message: `${place}${text}`,
    discarded,
  });
  // What a machine did to its directory is told when its disk is needed.
  const former = await findFormerDisk(context, id, task).catch(() => undefined);
  if (former === undefined) {
    const path = usedInPlace(context, allocation, task);
    if (path === undefined) return fate("");
    if (!isBelow(taskDirs(context.dirs, id, task).alloc, path)) return fate(`; its disk stays what it is, ${path}`);
    const why = "an image that was used in place does not move along";
    return fate(`, which DISCARDS the disk of task "${task}": ${why}; it stays in ${path}`, { path, bytes: null });
  }
  // It may be of an allocation further back.
  const { jobId, jobVersion } = former.allocation;
  const before = context.store.jobVersion(jobId, jobVersion)?.job;
  const why = discards(former, before, next) ?? imageChanged(former, next, context.dirs);
  if (why === undefined) {
    if (goesOn) return fate("; its disk moves along");
    const kept = retentionText(context.garbage, isTerminal(allocation) ? allocation : undefined);
    return { ...fate(`; its disk waits for the next one in its place, ${kept}`), waits: true };
  }
  const { path, bytes, record } = former;
  if (!former.written) return fate("; nothing was written to its disk");
  const written =
    record.mode === "overlay"
      ? `${formatBytes(bytes)} written since its start`
      : `a copy that takes ${formatBytes(bytes)}`;
  return fate(`, which DISCARDS the disk of task "${task}", ${written}: ${why}; it stays in ${path}`, { path, bytes });
}

/** The image that a machine has written to; undefined when it has not run, or wrote to none. */
function usedInPlace({ store }: FateContext, { id }: Allocation, task: string): string | undefined {
  const image = store.lastLaunch(id, task)?.image;
  return image?.written === undefined ? undefined : image.path;
}

/** Why a disk does not move along, as far as the job file tells before anything is fetched; undefined when it does. */
function discards(former: FormerDisk, before: Job | undefined, next: Job): string | undefined {
  const { record, allocation } = former;
  // Whoever takes an allocation's place is found by the group's name and the copy's index.
  const group = next.groups.find(({ name }) => name === allocation.group);
  if (group === undefined) return `the job has no group "${allocation.group}" any more`;
  const task = taskOf(next, former);
  if (task === undefined) return `the job has no task "${former.task}" any more`;
  if (!group.ephemeral_disk.sticky) return notSticky(group);
  const { disk } = task.config;
  if (disk !== undefined && disk !== record.mode) return `the job asks for disk = "${disk}" now`;
  const old = taskOf(before, former);
  if (old === undefined || imageOf(old) !== imageOf(task)) return "the job has another image now";
  return undefined;
}

/** Of one copy it is only so when the job says it. */
function notSticky({ name, count }: Group): string {
  if (count <= 1) return "ephemeral_disk has sticky = false";
  return `disks of a group with several copies, as "${name}" has now, move along only where ephemeral_disk has sticky = true`;
}

/** Why the image that a disk stands over will be taken for another one, as far as a look at it tells. */
function imageChanged(former: FormerDisk, next: Job, dirs: AgentDirs): string | undefined {
  const { record, allocation, task } = former;
  const { origin } = record;
  if (origin.checksum !== null) return undefined;
  // Such as one out of an archive.
  if (isBelow(taskDirs(dirs, allocation.id, task).alloc, origin.path)) {
    return "its image lies in the allocation itself, and nothing proves that the next one's is the same";
  }
  try {
    const change = changeOf(statSync(namedImage(taskOf(next, former)) ?? origin.path), origin);
    return change === undefined ? undefined : `its image is not what it was: ${change}`;
  } catch {
    // The start will tell, and takes no disk from anywhere without an image.
    return undefined;
  }
}

/** By the name that the job has for it, which may lead to another file by now; undefined when it is known only at the start. */
function namedImage(task: Task | undefined): string | undefined {
  const path = task?.config.image_path;
  return path !== undefined && isAbsolute(path) && !isTemplate(path) ? path : undefined;
}

/** The task of a version of the job that a disk is, or was, the boot disk of. */
const taskOf = (job: Job | undefined, { allocation, task: wanted }: FormerDisk): Task | undefined =>
  job?.groups.find(({ name }) => name === allocation.group)?.tasks.find(({ name }) => name === wanted);

/** What tells the image of a task from others, as its job file has it. */
function imageOf({ config, artifacts }: Task): string {
  const dirs = taskDirs({ dataDir: "/", runDir: "/" }, "a", "t");
  const path = resolve(dirs.task, config.image_path);
  const brings = (artifact: Artifact): boolean => {
    try {
      return planForFile(planArtifact(artifact, dirs)).target.path === path;
    } catch {
      // What holds `${…}` is a plan only once it is known.
      return false;
    }
  };
  const artifact = artifacts.find(brings);
  return JSON.stringify([config.image_path, artifact?.options["checksum"] ?? artifact?.source, config.disk]);
}
