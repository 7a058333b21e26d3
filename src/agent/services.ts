import { createHash } from "node:crypto";
import type { Allocation, AssignedPort } from "../allocation/allocation.ts";
import type { CheckSpec, CheckStatus, Probe } from "../allocation/check.ts";
import { EVERY_ADDRESS } from "../base/every-address.ts";
import { toMillis } from "../base/units.ts";
import { interpolateText } from "../job/interpolate.ts";
import type { Group } from "../job/job.ts";
import type { Check, Service } from "../job/service.ts";
import { portOwner } from "../job/task-ports.ts";
import type { Node } from "../node/node.ts";
import { taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import { environmentOf, jobOf, readTask, type Subject, type TaskOfJob } from "./start/subject.ts";

type ServiceContext = Pick<AgentContext, "store" | "node" | "dirs">;

/** A service of an allocation as it is found: names without `${…}`, the port of the host. */
export interface PlacedService {
  /** Nomad's form of it. */
  readonly id: string;
  readonly name: string;
  readonly provider: Service["provider"];
  readonly allocation: Allocation;
  readonly tags: readonly string[];
  readonly address: string;
  /** 0 for a service without a port. */
  readonly port: number;
}

/** The services of an allocation, those of its group first. @throws AppError `internal` when the store does not know its job. */
export function servicesOf(context: ServiceContext, allocation: Allocation): readonly PlacedService[] {
  return Object.keys(allocation.tasks).flatMap((task) => {
    const { subject, text } = lookUp(context, allocation, task);
    const own = servicesIn(subject.group).filter((one) => ownerOf(subject.group, one, one.port, text) === task);
    return own.map((service): PlacedService => {
      const { address, port } = findPort(allocation.ports, text(service.port));
      const name = text(service.name);
      const owner = service.task === "" ? `group-${allocation.group}` : service.task;
      return {
        id: `_nomad-task-${allocation.id}-${owner}-${name}-${text(service.port)}`,
        name,
        provider: service.provider,
        allocation,
        tags: service.tags.map(text),
        address: isEvery(address) ? (context.node().attributes["unique.network.ip-address"] ?? LOOPBACK) : address,
        port,
      };
    });
  });
}

/** The checks that begin and end with a task's machine. @throws AppError `internal` when the store does not know its job. */
export function checkSpecsOf(context: ServiceContext, allocation: Allocation, task: string): readonly CheckSpec[] {
  const { subject, text } = lookUp(context, allocation, task);
  return servicesIn(subject.group).flatMap((service) =>
    service.checks
      .filter((check) => ownerOf(subject.group, service, check.port || service.port, text) === task)
      .map((check) => specOf({ allocation, service, check, text })),
  );
}

/** Nomad's bound, in milliseconds: what is waited for holds a connection. */
const LONGEST_TIMEOUT = 10 * 60_000;

const LOOPBACK = "127.0.0.1";

interface LookedUp {
  readonly subject: TaskOfJob;
  /** Puts values into a text of the job. */
  readonly text: (template: string) => string;
}

function lookUp(context: ServiceContext, allocation: Allocation, task: string): LookedUp {
  const job = jobOf(context, { allocation });
  const subject = readTask(job, { allocation, task });
  const node = context.node();
  const text = (template: string): string =>
    template.includes("${") ? interpolateText(template, keptEnvironment(context, allocation, subject), node) : template;
  return { subject, text };
}

interface Kept {
  readonly version: number;
  readonly node: Node;
  readonly cores: string;
  readonly env: Subject["env"];
}

/** Of each store's allocations and tasks: everybody who looks asks again, and templates may take their time. */
const KEPT = new WeakMap<ServiceContext["store"], Map<string, Kept>>();
const MOST_KEPT = 1_000;

/** A task's environment, made once for each version of its job and each state of the node. */
function keptEnvironment(context: ServiceContext, allocation: Allocation, task: TaskOfJob): Subject["env"] {
  const { store } = context;
  const { id, jobVersion: version } = allocation;
  const name = task.task.name;
  const node = context.node();
  const bound = task.task.resources.cores === 0 ? [] : (store.lastLaunch(id, name)?.limits?.cores ?? []);
  const [key, cores] = [`${id}/${name}`, bound.join()];
  const known = KEPT.get(store) ?? new Map<string, Kept>();
  KEPT.set(store, known);
  const kept = known.get(key);
  if (kept?.version === version && kept.node === node && kept.cores === cores) return kept.env;
  const env = environmentOf(context, { ...task, cores: bound }, allocation, taskDirs(context.dirs, id, name));
  if (known.size >= MOST_KEPT) known.clear();
  known.set(key, { version, node, cores, env });
  return env;
}

/** Of the group first. */
const servicesIn = ({ services = [], tasks }: Group): readonly Service[] => [
  ...services,
  ...tasks.flatMap((task) => task.services ?? []),
];

/** The task with which a service, or a check of it, begins and ends: its own, the one that its port leads to, or the first. */
function ownerOf(group: Group, service: Service, port: string, text: LookedUp["text"]): string | undefined {
  if (service.task !== "") return service.task;
  return (portOwner(group, text(port)) ?? group.tasks[0])?.name;
}

interface Checked {
  readonly allocation: Allocation;
  readonly service: Service;
  readonly check: Check;
  readonly text: LookedUp["text"];
}

function specOf(checked: Checked): CheckSpec {
  const { allocation, service, check, text } = checked;
  const restart = check.check_restart;
  const name = text(check.name);
  return {
    id: createHash("sha256")
      .update(JSON.stringify([allocation.id, service.task, service.name, service.port, check]))
      .digest("hex"),
    name,
    service: text(service.name),
    task: service.task,
    restarts: check.task === "" ? Object.keys(allocation.tasks) : [check.task],
    probe: probeOf(checked),
    interval: toMillis(check.interval),
    timeout: Math.min(LONGEST_TIMEOUT, toMillis(check.timeout)),
    mode: check.on_update === "ignore" ? "readiness" : "healthiness",
    initial: INITIAL[check.initial_status] ?? "pending",
    successes: Math.max(1, check.success_before_passing),
    failures: Math.max(1, check.failures_before_critical),
    limit: restart?.limit ?? 0,
    grace: toMillis(restart?.grace ?? 0),
  };
}

const INITIAL: Readonly<Record<string, CheckStatus>> = { passing: "success", warning: "failure", critical: "failure" };

function probeOf({ allocation, service, check, text }: Checked): Probe {
  const { address, port } = findPort(allocation.ports, text(check.port || service.port));
  const host = isEvery(address) ? LOOPBACK : address;
  if (check.type === "tcp") return { type: "tcp", host, port };
  const path = text(check.path);
  return {
    type: "http",
    host,
    port,
    secure: text(check.protocol).toLowerCase() === "https",
    method: text(check.method).toUpperCase() || "GET",
    path: path.startsWith("/") ? path : `/${path}`,
    headers: Object.fromEntries(Object.entries(check.header).map(([name, values]) => [name, values.map(text)])),
    body: text(check.body),
    skipVerify: check.tls_skip_verify,
    serverName: text(check.tls_server_name),
    ignoreWarnings: check.on_update === "ignore_warnings" || check.check_restart?.ignore_warnings === true,
  };
}

/** The port behind a label, or a number of the host's own. */
function findPort(ports: readonly AssignedPort[], label: string): { readonly address: string; readonly port: number } {
  const found = ports.find((port) => port.label === label);
  if (found !== undefined) return { address: found.hostAddress, port: found.hostPort };
  const port = /^\d{1,5}$/.test(label) ? Number(label) : 0;
  return { address: "", port: port <= 65_535 ? port : 0 };
}

/** A port that is bound to every address is reached at the loopback one. */
function isEvery(address: string): boolean {
  return address === "" || address === EVERY_ADDRESS || address === "::";
}
