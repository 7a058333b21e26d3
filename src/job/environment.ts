import { isIPv6 } from "node:net";
import { formatCores } from "../base/cores.ts";
import { EVERY_ADDRESS } from "../base/every-address.ts";
import { shortId } from "../base/ids.ts";
import type { TaskDirs } from "../paths.ts";
import { interpolateText, type NodeNames } from "./interpolate.ts";
import type { Group, Job, Resources, Task } from "./job.ts";
import { addTemplateVariables } from "./template-variables.ts";

/** A port of the allocation as its tasks see it. */
export interface TaskPort {
  readonly label: string;
  readonly hostPort: number;
  /** "" and `0.0.0.0` are every address of the host. */
  readonly hostAddress: string;
  /** The port inside of the guest. */
  readonly guestPort: number;
  /** The other task that asks for it itself; undefined for a port of the group or of the task's own. */
  readonly sibling?: string | undefined;
}

export interface TaskSubject {
  readonly job: Job;
  readonly group: Group;
  readonly task: Task;
  readonly allocId: string;
  /** `job.group[0]` */
  readonly allocName: string;
  readonly allocIndex: number;
  readonly node: NodeNames;
  readonly dirs: TaskDirs;
  readonly ports: readonly TaskPort[];
  /** Numbers of the host's processors that the task is bound to. */
  readonly cores: readonly number[];
}

/**
 * The variables of a task, for `${…}` in its strings: Nomad's `NOMAD_…` and then the task's own `env`, whose values may use the former
 * and the node's names, but not each other. Directories are host paths. Labels and keys of `meta` have `_` for what no variable's name
 * may hold. Of a port that another task asks for itself it has the host's side, under that task's name. What templates with `env = true` say comes last, and may use all of these.
 */
export function buildTaskEnvironment(subject: TaskSubject): Readonly<Record<string, string>> {
  const given: Record<string, string> = {
    ...describeDirs(subject.dirs),
    ...describeResources(subject.task.resources),
    ...(subject.cores.length === 0 ? {} : { NOMAD_CPU_CORES: formatCores(subject.cores) }),
    ...describeAllocation(subject),
    ...Object.fromEntries(subject.ports.flatMap((port) => describePort(port, subject.node))),
  };
  const resolve = (text: string): string => interpolateText(text, given, subject.node);
  const meta = { ...subject.job.meta, ...subject.group.meta, ...subject.task.meta };
  const upper: [string, string][] = [];
  const asWritten: [string, string][] = [];
  for (const [key, value] of Object.entries(meta)) {
    upper.push([`NOMAD_META_${cleanName(key).toUpperCase()}`, resolve(value)]);
    asWritten.push([`NOMAD_META_${cleanName(key)}`, resolve(value)]);
  }
  // A key that is written in capitals itself counts more than one that only becomes so.
  const named = { ...given, ...Object.fromEntries(upper), ...Object.fromEntries(asWritten) };
  const own = Object.entries(subject.task.env).map(([key, value]): [string, string] => [
    key,
    interpolateText(value, named, subject.node),
  ]);
  return addTemplateVariables(subject.task, { ...named, ...Object.fromEntries(own) });
}

function describeDirs(dirs: TaskDirs): Record<string, string> {
  return { NOMAD_ALLOC_DIR: dirs.shared, NOMAD_TASK_DIR: dirs.local, NOMAD_SECRETS_DIR: dirs.secrets };
}

function describeResources({ cpu, memory, memory_max }: Resources): Record<string, string> {
  return {
    ...(cpu > 0 ? { NOMAD_CPU_LIMIT: String(cpu) } : {}),
    NOMAD_MEMORY_LIMIT: String(memory),
    ...(memory_max > 0 ? { NOMAD_MEMORY_MAX_LIMIT: String(memory_max) } : {}),
  };
}

function describeAllocation({ job, group, task, node, ...allocation }: TaskSubject): Record<string, string> {
  const parentGroup = node.attributes["paddock.cgroup.parent"];
  return {
    NOMAD_ALLOC_ID: allocation.allocId,
    NOMAD_SHORT_ALLOC_ID: shortId(allocation.allocId),
    NOMAD_ALLOC_NAME: allocation.allocName,
    NOMAD_ALLOC_INDEX: String(allocation.allocIndex),
    NOMAD_TASK_NAME: task.name,
    NOMAD_GROUP_NAME: group.name,
    NOMAD_JOB_ID: job.id,
    NOMAD_JOB_NAME: job.name,
    NOMAD_DC: node.datacenter,
    NOMAD_REGION: job.region,
    NOMAD_NAMESPACE: job.namespace,
    ...(parentGroup === undefined ? {} : { NOMAD_PARENT_CGROUP: parentGroup }),
  };
}

function describePort(port: TaskPort, node: NodeNames): [string, string][] {
  const label = cleanName(port.label);
  const everywhere = port.hostAddress === "" || port.hostAddress === EVERY_ADDRESS;
  const address = everywhere ? (node.attributes["unique.network.ip-address"] ?? "127.0.0.1") : port.hostAddress;
  const pair = `${isIPv6(address) ? `[${address}]` : address}:${port.hostPort}`;
  if (port.sibling !== undefined) {
    const name = `${cleanName(port.sibling)}_${label}`;
    return [
      [`NOMAD_IP_${name}`, address],
      [`NOMAD_PORT_${name}`, String(port.hostPort)],
      [`NOMAD_ADDR_${name}`, pair],
    ];
  }
  return [
    [`NOMAD_IP_${label}`, address],
    [`NOMAD_IPv${isIPv6(address) ? 6 : 4}_${label}`, address],
    [`NOMAD_PORT_${label}`, String(port.guestPort)],
    [`NOMAD_ADDR_${label}`, pair],
    [`NOMAD_HOST_IP_${label}`, address],
    [`NOMAD_HOST_PORT_${label}`, String(port.hostPort)],
    [`NOMAD_HOST_ADDR_${label}`, pair],
    [`NOMAD_ALLOC_PORT_${label}`, String(port.guestPort)],
  ];
}

function cleanName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, "_");
}
