import { listSome } from "../../base/text.ts";
import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import type { Group, Network, Port } from "../job.ts";
import { checkName, hasUnsafeCharacter } from "./names.ts";

/** A host name as DNS has it (RFC 1123). */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

interface PlacedNetwork {
  readonly network: Network;
  readonly path: string;
}

/** Checks the networks of a group and of its tasks: ports are one set for all of them. */
export function checkNetworks(group: Group, report: Reporter): void {
  const networks = placedNetworks(group);
  for (const { network, path } of networks) checkNetwork(network, report.at(path));
  const ports = networks.flatMap(({ network, path }) =>
    network.ports.map((port, index) => ({ port, path: `${path}.ports[${index}]` })),
  );
  const labels = new Set<string>();
  const statics = new Set<string>();
  for (const { port, path } of ports) {
    if (labels.has(port.label)) report.error(path, `port ${quoteFound(port.label)} stands twice in this group`);
    labels.add(port.label);
    const place = `${port.host_network} ${port.static}`;
    if (port.static > 0 && statics.has(place)) {
      report.must(`${path}.static`, `differ from the other ports, found ${port.static} again`);
    }
    statics.add(place);
  }
}

/** The networks that a group and its tasks ask for, with their paths. */
function placedNetworks(group: Group): PlacedNetwork[] {
  const own = group.networks.map((network, index) => ({ network, path: `networks[${index}]` }));
  const ofTasks = group.tasks.flatMap((task, t) =>
    task.resources.networks.map((network, index) => ({ network, path: `tasks[${t}].resources.networks[${index}]` })),
  );
  return [...own, ...ofTasks];
}

/** The ports that a task of a group may forward. */
export interface KnownPorts {
  readonly labels: ReadonlySet<string>;
  /** What there are, in words. */
  readonly text: string;
}

/** So many labels are told. */
const SHOWN_LABELS = 10;

/** Gathers them once: a group may have as many ports as places that name one. */
export function knownPorts(group: Group): KnownPorts {
  const labels = new Set(placedNetworks(group).flatMap(({ network }) => network.ports.map(({ label }) => label)));
  const text = labels.size === 0 ? "this group has none" : `there are ${listSome([...labels], SHOWN_LABELS)}`;
  return { labels, text };
}

function checkNetwork(network: Network, report: Reporter): void {
  checkMode(network.mode, report);
  checkDns(network, report);
  network.ports.forEach((port, index) => {
    checkPort(port, report.at(`ports[${index}]`));
  });
}

function checkMode(mode: string, report: Reporter): void {
  if (mode === "" || mode === "host") return;
  if (mode === "bridge") {
    report.warn(
      "mode",
      'mode "bridge" has no effect: a machine has a network of its own, behind QEMU\'s user networking',
    );
  } else if (mode === "none" || mode.startsWith("cni/")) {
    report.error("mode", `mode ${quoteFound(mode)} is not supported yet`, 'leave mode out, or use "host" or "bridge"');
  } else report.must("mode", `be host or bridge, found ${quoteFound(mode)}`);
}

function checkDns({ hostname, dns }: Network, report: Reporter): void {
  if (hasUnsafeCharacter(hostname)) report.must("hostname", "hold no comma and no control character");
  else if (hostname !== "" && !hostname.includes("${") && !HOST_NAME.test(hostname)) {
    report.must("hostname", `be a host name, found ${quoteFound(hostname)}`);
  }
  for (const key of ["servers", "searches", "options"] as const) {
    dns[key].forEach((value, index) => {
      const path = `dns.${key}[${index}]`;
      if (value === "") report.must(path, "be set");
      else if (hasUnsafeCharacter(value)) {
        report.must(path, `hold no comma and no control character, found ${quoteFound(value)}`);
      }
    });
  }
}

function checkPort(port: Port, report: Reporter): void {
  checkName(report, "label", port.label);
  // Which networks there are, the agent knows.
  checkName(report, "host_network", port.host_network);
}
