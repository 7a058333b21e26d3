import { basename, isAbsolute, join } from "node:path/posix";
import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import { taskSuffix } from "../../paths.ts";
import type { Group, Port } from "../job.ts";
import { directoryOfSibling } from "../task-directories.ts";
import { ownPorts } from "../task-ports.ts";

/** Machines of a job, its copies and tasks counted: one host has no room for more, and a slip of the finger costs no store full of records. */
export const MOST_MACHINES = 1_000;

/**
 * Checks what tasks of one group may not have in common; paths begin at the group. Of more tasks than a job may have nothing is said here: it
 * would take long.
 */
export function checkSiblings(group: Group, report: Reporter): void {
  if (group.tasks.length < 2 || group.tasks.length > MOST_MACHINES) return;
  checkLeaders(group, report);
  checkDirectories(group, report);
  checkPaths(group, report);
  checkSharedPlaces(group, report);
  checkMappedPorts(group, report);
  checkUnmappedPorts(group, report);
  checkForwards(group, report);
}

/** Nomad's rule. */
function checkLeaders({ tasks }: Group, report: Reporter): void {
  const first = tasks.find(({ leader }) => leader);
  tasks.forEach((task, index) => {
    if (!task.leader || task === first) return;
    const hint = "the others of a group are stopped when its leader has ended: leave leader out in all tasks but one";
    report.must(
      `tasks[${index}].leader`,
      `be true for one task of a group, task ${quoteFound(first?.name ?? "")} leads it`,
      hint,
    );
  });
}

/** Tasks are neighbours on disk: none may have the name of what the agent keeps there about another one, or have its sockets. */
function checkDirectories({ tasks }: Group, report: Reporter): void {
  const named = new Map<string, string>();
  tasks.forEach(({ name }, index) => {
    const path = `tasks[${index}].name`;
    if (name.startsWith(".") && name !== "." && name !== "..") {
      report.must(path, `not begin with a dot in a group of several tasks, found ${quoteFound(name)}`);
    }
    const suffix = taskSuffix(name);
    const alike = named.get(suffix);
    if (alike === undefined) named.set(suffix, name);
    if (alike === undefined || alike === name) return;
    const names = `${quoteFound(name)} and ${quoteFound(alike)}`;
    report.error(path, `${names} come to one name where sockets must have short ones`, "rename one of the two tasks");
  });
}

/** What holds `${…}` is looked at when it has its value. */
function checkPaths({ tasks }: Group, report: Reporter): void {
  const names = tasks.map(({ name }) => name);
  tasks.forEach(({ name, artifacts, config }, index) => {
    const siblingAt = (path: string): string | undefined =>
      directoryOfSibling(path, { task: name, alloc: "/alloc", tasks: names });
    artifacts.forEach(({ destination }, at) => {
      const sibling = siblingAt(destination);
      if (sibling === undefined) return;
      const text = `destination is in the directory of task ${quoteFound(sibling)}`;
      report.error(
        `tasks[${index}].artifacts[${at}].destination`,
        text,
        "machines of one group share no files: let that task fetch it",
      );
    });
    const sibling = siblingAt(config.image_path);
    if (sibling === undefined || isAbsolute(config.image_path)) return;
    const text = `image_path is in the directory of task ${quoteFound(sibling)}`;
    report.error(
      `tasks[${index}].config.image_path`,
      text,
      "machines of one group share no files: let an artifact of this task's own bring the image",
    );
  });
}

/** Of two tasks that fetch to one place below `alloc/` the second would take the first one's file from under its machine. */
function checkSharedPlaces({ tasks }: Group, report: Reporter): void {
  const fetched = new Map<string, string>();
  tasks.forEach(({ name, artifacts }, index) => {
    artifacts.forEach(({ source, destination, mode, options }, at) => {
      const place = join("/", name, destination);
      if (place === `/${name}` || place.startsWith(`/${name}/`)) return;
      const file = options["filename"] ?? basename(source.replace(/\?.*$/s, ""));
      const path = mode === "file" ? place : join(place, file);
      const other = fetched.get(path);
      fetched.set(path, name);
      if (other === undefined || other === name) return;
      const text = `task ${quoteFound(other)} fetches to the same place`;
      report.error(`tasks[${index}].artifacts[${at}].destination`, text, 'use "local/…": each task has its own');
    });
  });
}

/** A port of the host leads to one machine. */
function checkMappedPorts({ tasks }: Group, report: Reporter): void {
  const owners = new Map(tasks.flatMap((task) => ownPorts(task).map(({ label }) => [label, task] as const)));
  const mapped = new Map<string, string>();
  tasks.forEach((task, index) => {
    for (const label of Object.keys(task.config.port_map)) {
      const path = `tasks[${index}].config.port_map.${label}`;
      const owner = owners.get(label);
      const other = mapped.get(label);
      if (owner !== undefined && owner !== task) {
        const text = `port ${quoteFound(label)} is task ${quoteFound(owner.name)}'s, in whose resources it stands`;
        report.error(path, text, "ask for the port in a network block of the group, or for another one");
      } else if (other !== undefined) {
        const text = `port ${quoteFound(label)} leads to task ${quoteFound(other)} already: a port of the host leads to one machine`;
        report.error(path, text, "ask for another port in the network block of the group");
      } else mapped.set(label, task.name);
    }
  });
}

/** Of a group's port with `to` nobody knows into which machine it leads. */
function checkUnmappedPorts({ networks, tasks }: Group, report: Reporter): void {
  networks.forEach((network, n) => {
    network.ports.forEach((port, index) => {
      if (port.to === 0 || tasks.some(({ config }) => Object.hasOwn(config.port_map, port.label))) return;
      const text = `port ${quoteFound(port.label)} is to lead into a machine, and the group has ${tasks.length}: no port_map names it`;
      const guest = port.to > 0 ? port.to : 80;
      const hint = `write port_map { ${JSON.stringify(port.label)} = ${guest} } in the config of the task that it leads to`;
      report.error(`networks[${n}].ports[${index}].to`, text, hint);
    });
  });
}

/** Where a machine listens on the host. */
interface Endpoint {
  readonly protocol: string;
  /** "" for every address. */
  readonly address: string;
  /** A number, or a variable that stands for one. */
  readonly port: string;
  readonly task: string;
}

/** QEMU's `hostfwd=[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport`. */
const HOST_FORWARD = /(?:^|,|")hostfwd=(tcp|udp)?:([^:,]*):([^-,]+)-/g;

/** Two machines that want one port of the host: QEMU would end the one that comes second. */
function checkForwards(group: Group, report: Reporter): void {
  const ports = new Map(
    [...group.networks.flatMap((one) => one.ports), ...group.tasks.flatMap(ownPorts)].map((port) => [port.label, port]),
  );
  const taken = group.tasks.flatMap(({ name, config }): Endpoint[] =>
    Object.entries(config.port_map).flatMap(([label, guest]) => {
      const only = /\/(tcp|udp)$/.exec(String(guest))?.[1];
      const at = { address: "", port: portText(ports, label), task: name };
      return (only === undefined ? ["tcp", "udp"] : [only]).map((protocol) => ({ ...at, protocol }));
    }),
  );
  group.tasks.forEach((task, index) => {
    task.config.args.forEach((arg, at) => {
      for (const [, protocol = "tcp", address = "", written = ""] of arg.matchAll(HOST_FORWARD)) {
        const port = written.replace(/^\$\{NOMAD_HOST_PORT_(\w+)\}$/, (_, label: string) => portText(ports, label));
        const one: Endpoint = { protocol, address: address === "0.0.0.0" ? "" : address, port, task: task.name };
        const other = taken.find((two) => two.task !== one.task && isSameEndpoint(one, two));
        taken.push(one);
        if (other === undefined) continue;
        const text = `port ${quoteFound(port)} of the host is forwarded to task ${quoteFound(other.task)} as well: a port of the host leads to one machine`;
        report.error(`tasks[${index}].config.args[${at}]`, text, "forward another port");
      }
    });
  });
}

function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  const meet = one.address === other.address || one.address === "" || other.address === "";
  return one.protocol === other.protocol && one.port === other.port && meet;
}

/** The number of a static port; for one that the agent picks, what stands for it in `args`. */
function portText(ports: ReadonlyMap<string, Port>, label: string): string {
  const port = ports.get(label) ?? [...ports.values()].find((one) => one.label.replace(/\W/g, "_") === label);
  return port !== undefined && port.static > 0
    ? String(port.static)
    : `\${NOMAD_HOST_PORT_${label.replace(/\W/g, "_")}}`;
}
