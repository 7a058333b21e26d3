import { resolve } from "node:path";
import { planForFile } from "../artifact/place.ts";
import { planArtifact } from "../artifact/plan.ts";
import { shortId } from "../base/ids.ts";
import { formatBytes } from "../base/units.ts";
import type { Artifact, Group, Job, Task } from "../job/job.ts";
import { taskDirs } from "../paths.ts";
import { type FormerDisk, findFormerDisk } from "./bring-disk.ts";
import type { AgentContext } from "./context.ts";

/** What becomes of the disks of an allocation whose place a changed job's takes: a sentence for each task, for whoever changes it. */
export async function tellDisks(
  context: Pick<AgentContext, "store" | "dirs">,
  {
    id,
    jobId,
    jobVersion,
    tasks,
  }: { id: string; jobId: string; jobVersion: number; tasks: Readonly<Record<string, unknown>> },
  next: Job,
): Promise<string[]> {
  const before = context.store.jobVersion(jobId, jobVersion)?.job;
  const told: string[] = [];
  for (const name of Object.keys(tasks)) {
    // What a machine did to its directory is told when its disk is needed.
    const former = await findFormerDisk(context, id, name).catch(() => undefined);
    const place = `allocation ${shortId(id)} is stopped and replaced`;
    if (former === undefined) {
      const { local } = taskDirs(context.dirs, id, name);
      told.push(`${place}; what its machine wrote to an image under local/ does not move along and stays in ${local}`);
      continue;
    }
    const why = discards(former, before, next, name);
    const written = `${formatBytes(former.bytes)} written since its start`;
    told.push(
      why === undefined
        ? `${place}; its disk moves along`
        : `${place}, which DISCARDS the disk of task "${name}", ${written}: ${why}; it stays in ${former.path}`,
    );
  }
  return told;
}

/** Why a disk does not move along, as far as the job file tells before anything is fetched; undefined when it does. */
function discards({ record }: FormerDisk, before: Job | undefined, next: Job, name: string): string | undefined {
  const group = next.groups.find(({ tasks }) => tasks.some((task) => task.name === name));
  const task = group?.tasks.find((candidate) => candidate.name === name);
  if (group === undefined || task === undefined) return `the job has no task "${name}" any more`;
  if (!group.ephemeral_disk.sticky) return "ephemeral_disk has sticky = false";
  const { disk } = task.config;
  if (disk !== undefined && disk !== record.mode) return `the job asks for disk = "${disk}" now`;
  const old = taskOf(before, name);
  if (old === undefined || imageOf(old) !== imageOf(task)) return "the job has another image now";
  return undefined;
}

const taskOf = (job: Job | undefined, name: string): Task | undefined =>
  job?.groups.flatMap(({ tasks }: Group) => tasks).find((task) => task.name === name);

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
