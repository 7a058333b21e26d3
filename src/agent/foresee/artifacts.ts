import type { AssignedPort } from "../../allocation/allocation.ts";
import { placeName } from "../../allocation/place.ts";
import { groupsToRun } from "../../job/groups-to-run.ts";
import type { Artifact, Group, Job, Task } from "../../job/job.ts";
import { taskPlace } from "../../job/place-text.ts";
import { type TaskDirs, taskDirs } from "../../paths.ts";
import type { AgentContext } from "../context.ts";
import { interpolateArtifact } from "../start/fetch-artifacts.ts";
import { environmentOf, type Subject } from "../start/subject.ts";

/** An artifact of a job that has no allocation yet. */
export interface ForeseenArtifact {
  /** With values instead of `${…}`, as far as they do not hang on an allocation: its id is made of zeros, and it has no ports. */
  readonly artifact: Artifact;
  /** Of no allocation. */
  readonly dirs: TaskDirs;
  readonly task: Task;
  /** Group and task, for messages. */
  readonly where: string;
}

/** Whether a value of an artifact is known only once there is an allocation. */
export function awaitsAllocation({ source, destination, options, headers }: Artifact): boolean {
  return [source, destination, ...Object.values(options), ...Object.values(headers)].some((text) =>
    text.includes("${"),
  );
}

/** What a job will fetch, before it is placed. */
export function foreseeArtifacts(context: Pick<AgentContext, "dirs" | "node">, job: Job): ForeseenArtifact[] {
  return groupsToRun(job).flatMap((group) => group.tasks.flatMap((task) => foreseeTask(context, job, group, task)));
}

function foreseeTask(
  context: Pick<AgentContext, "dirs" | "node">,
  job: Job,
  group: Group,
  task: Task,
): ForeseenArtifact[] {
  if (task.artifacts.length === 0) return [];
  const { dirs, env } = foreseenEnvironment(context, { job, group, task });
  const where = taskPlace(group, task);
  return task.artifacts.map((artifact) => ({
    artifact: interpolateArtifact(artifact, env, context),
    dirs,
    task,
    where,
  }));
}

/** The words of a task's environment before it is placed. @param ports as its allocation would have them. */
export function foreseenEnvironment(
  context: Pick<AgentContext, "dirs" | "node">,
  { job, group, task, index = 0 }: Pick<Subject, "job" | "group" | "task"> & { readonly index?: number },
  ports: readonly AssignedPort[] = [],
): { readonly dirs: TaskDirs; readonly env: Subject["env"] } {
  const dirs = taskDirs(context.dirs, "foreseen", task.name);
  const name = placeName(job.id, { group: group.name, index });
  const place = { id: "00000000-0000-0000-0000-000000000000", name, index, ports };
  return { dirs, env: environmentOf(context, { job, group, task, cores: [] }, place, dirs) };
}
