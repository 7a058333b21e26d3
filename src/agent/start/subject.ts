import type { Allocation, AssignedPort } from "../../allocation/allocation.ts";
import { AppError } from "../../base/errors.ts";
import { buildTaskEnvironment, type TaskPort } from "../../job/environment.ts";
import { interpolateConfig, interpolateText } from "../../job/interpolate.ts";
import type { Group, Job, QemuConfig, Task } from "../../job/job.ts";
import { readPortMapping } from "../../job/port-mapping.ts";
import { ownPorts, portOwner } from "../../job/task-ports.ts";
import type { Node } from "../../node/node.ts";
import type { TaskDirs } from "../../paths.ts";
import type { Dns } from "../../qemu/network.ts";
import type { PrepareRequest } from "../../supervisor/hands.ts";
import type { AgentContext } from "../context.ts";

/** A task of an allocation, and where its directories are. */
export interface SubjectRequest extends Pick<PrepareRequest, "allocation" | "task"> {
  readonly place: Pick<PrepareRequest["place"], "dirs">;
}

/** What the job file says of the task that is prepared, and the words of its environment. */
export interface Subject {
  readonly job: Job;
  readonly group: Group;
  readonly task: Task;
  readonly env: Readonly<Record<string, string>>;
  /** Numbers of the host's processors that the machine is bound to. */
  readonly cores: readonly number[];
}

/** The version of the job that a request is about. @throws AppError `internal` when the store does not know it. */
export function jobOf(context: Pick<AgentContext, "store">, { allocation }: Pick<PrepareRequest, "allocation">): Job {
  const record = context.store.jobVersion(allocation.jobId, allocation.jobVersion);
  if (record !== undefined) return record.job;
  throw new AppError("internal", `the store has no version ${allocation.jobVersion} of job "${allocation.jobId}"`);
}

/** A task as a version of its job has it. */
export type TaskOfJob = Pick<Subject, "job" | "group" | "task">;

/** Finds a task of an allocation in its job. @throws AppError `internal` when the job has no such task. */
export function readTask(job: Job, { allocation, task: name }: Pick<SubjectRequest, "allocation" | "task">): TaskOfJob {
  const group = job.groups.find((candidate) => candidate.name === allocation.group);
  const task = group?.tasks.find((candidate) => candidate.name === name);
  if (group !== undefined && task !== undefined) return { job, group, task };
  throw new AppError("internal", `the store has no task "${name}" for allocation ${allocation.id}`);
}

/**
 * What a request is about. @throws AppError `internal` when the job has no such task.
 * @param job of the request, as `jobOf` finds it.
 * @param bind says which processors a task is bound to that asks for so many.
 */
export function readSubject(
  context: Pick<AgentContext, "node">,
  job: Job,
  { allocation, task: name, place }: SubjectRequest,
  bind: (cores: number) => readonly number[],
): Subject {
  const found = readTask(job, { allocation, task: name });
  const cores = bind(found.task.resources.cores);
  return { ...found, env: environmentOf(context, { ...found, cores }, allocation, place.dirs), cores };
}

/** The words of a task's environment in an allocation, whichever version of the job it is. */
export function environmentOf(
  { node }: Pick<AgentContext, "node">,
  { job, group, task, cores }: Omit<Subject, "env">,
  allocation: Pick<Allocation, "id" | "name" | "index" | "ports">,
  dirs: TaskDirs,
): Subject["env"] {
  const { id: allocId, name: allocName, index: allocIndex } = allocation;
  const ports = environmentPorts(allocation, group, task);
  return buildTaskEnvironment({ job, group, task, allocId, allocName, allocIndex, node: node(), dirs, ports, cores });
}

/** A task's `config` with its values. @throws AppError `invalid` with everything in it that has none. */
export function interpolateTaskConfig(
  context: Pick<AgentContext, "node">,
  { task, env }: Pick<Subject, "task" | "env">,
): QemuConfig {
  const { config, diagnostics } = interpolateConfig(task.config, env, context.node());
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return config;
  throw new AppError("invalid", errors.map(({ message }) => message).join("; "), {
    hint: errors.find(({ hint }) => hint !== undefined)?.hint,
  });
}

/** As Nomad does with a `network`; what comes of it is looked at when it is put into the command line. */
export function interpolateDns({ servers, searches }: Dns, env: Subject["env"], node: Node): Dns {
  const text = (value: string): string => interpolateText(value, env, node);
  return { servers: servers.map(text), searches: searches.map(text) };
}

/** The ports of an allocation that lead to a task's machine. */
export function portsInto(group: Group, task: Task, { ports }: Pick<Allocation, "ports">): readonly AssignedPort[] {
  return ports.filter(({ label }) => portOwner(group, label)?.name === task.name);
}

/** What `NOMAD_PORT_…` tells: the guest's port where one is mapped, else the host's. */
function environmentPorts({ ports }: Pick<Allocation, "ports">, group: Group, task: Task): TaskPort[] {
  return ports.map(({ label, hostPort, hostAddress, to }) => {
    const mapped = readPortMapping(task.config.port_map[label] ?? "")?.guestPort;
    const asker = group.tasks.find((one) => ownPorts(one).some((port) => port.label === label))?.name;
    const port = { label, hostPort, hostAddress, guestPort: mapped ?? (to > 0 ? to : hostPort) };
    return asker === undefined || asker === task.name ? port : { ...port, sibling: asker };
  });
}
