import { buildTaskEnvironment } from "../job/environment.ts";
import type { Artifact, Group, Job, Task } from "../job/job.ts";
import { type TaskDirs, taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import { interpolateArtifact } from "./fetch-artifacts.ts";

/** An artifact of a job that has no allocation yet. */
export interface ForeseenArtifact {
  /** With values instead of `${…}`, as far as they do not hang on an allocation: its id is made of zeros, and it has no ports. */
  readonly artifact: Artifact;
  /** Of no allocation. */
  readonly dirs: TaskDirs;
  /** Group and task, for messages. */
  readonly where: string;
}

/** What a job will fetch, before it is placed. */
export function foreseeArtifacts(context: Pick<AgentContext, "dirs" | "node">, job: Job): ForeseenArtifact[] {
  return job.groups
    .filter(({ count }) => count > 0)
    .flatMap((group) => group.tasks.flatMap((task) => foreseeTask(context, job, group, task)));
}

function foreseeTask(
  context: Pick<AgentContext, "dirs" | "node">,
  job: Job,
  group: Group,
  task: Task,
): ForeseenArtifact[] {
  const dirs = taskDirs(context.dirs, "foreseen", task.name);
  const allocId = "00000000-0000-0000-0000-000000000000";
  const place = { allocId, allocName: `${job.id}.${group.name}[0]`, allocIndex: 0, dirs, ports: [], cores: [] };
  const env = buildTaskEnvironment({ job, group, task, node: context.node(), ...place });
  const where = `group "${group.name}", task "${task.name}"`;
  return task.artifacts.map((artifact) => ({ artifact: interpolateArtifact(artifact, env, context), dirs, where }));
}
