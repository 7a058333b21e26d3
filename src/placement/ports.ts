import { AppError } from "../base/errors.ts";
import { inRanges } from "../base/ranges.ts";
import { nearestName } from "../base/text.ts";
import type { Group, Port } from "../job/job.ts";
import type { Capacity, HostNetwork } from "../node/node.ts";
import type { Shortage } from "./failure.ts";

/** A port of the host that somebody has. */
export interface HeldPort {
  /** "" is every address of the host. */
  readonly address: string;
  readonly port: number;
  /** Who has it, for messages. */
  readonly holder: string;
  /** Another copy of the same group has it, so that it will not become free for this one. */
  readonly own?: boolean;
}

/** Every port that a group and its tasks ask for, in the order of the job file. */
export function portsOf(group: Group): readonly Port[] {
  const networks = [...group.networks, ...group.tasks.flatMap((task) => task.resources.networks)];
  return networks.flatMap((network) => network.ports);
}

/** Whether two addresses are one: no address is every one. */
export function sameAddress(one: string, other: string): boolean {
  return one === other || one === "" || other === "";
}

/** Whether a port is kept from machines on an address, by the host or by one of its networks there. */
export function isReserved({ reservedPorts, hostNetworks }: Capacity, address: string, port: number): boolean {
  if (inRanges(reservedPorts, port)) return true;
  return hostNetworks.some(
    (network) =>
      network.address !== null && sameAddress(network.address, address) && inRanges(network.reservedPorts, port),
  );
}

/**
 * The address that a port is bound to, "" for every one.
 * @throws AppError `unplaceable` for a host network that the agent does not know, or that has no address on this host.
 */
export function addressOf({ label, host_network }: Port, { hostNetworks }: Capacity): string {
  const where = `port "${label}"`;
  const network = hostNetworks.find(({ name }) => name === host_network);
  if (network === undefined) throw unknownNetwork(where, host_network, hostNetworks);
  if (network.address !== null) return network.address;
  throw new AppError("unplaceable", `${where}: host_network "${host_network}" has ${network.missing} of this host`, {
    hint: "paddock looks for addresses when the agent starts",
  });
}

/** @throws AppError `unplaceable` for a port that this host will never give: an unknown network, or one that is reserved. */
export function assertPorts(group: Group, capacity: Capacity): void {
  for (const port of portsOf(group)) {
    const address = addressOf(port, capacity);
    if (port.static === 0 || !isReserved(capacity, address, port.static)) continue;
    throw new AppError("unplaceable", `port ${port.static} (label "${port.label}") is reserved on this host`, {
      hint: "ask for another port, or change reserved_ports in the agent's configuration",
    });
  }
}

/** The static ports of a group that somebody has, and those that it asks for twice. */
export function findCollisions(group: Group, capacity: Capacity, held: readonly HeldPort[]): Shortage[] {
  const taken = [...held];
  return portsOf(group).flatMap((port): Shortage[] => {
    if (port.static === 0) return [];
    const address = addressOf(port, capacity);
    const other = taken.find((one) => one.port === port.static && sameAddress(one.address, address));
    taken.push({ address, port: port.static, holder: `label "${port.label}" of the same group`, own: true });
    if (other === undefined) return [];
    const where = address === "" ? "" : ` of ${address}`;
    return [
      {
        dimension: `network: reserved port collision ${port.label}=${port.static}`,
        text: `port ${port.static}${where} (label "${port.label}") is held by ${other.holder}`,
        never: other.own === true,
      },
    ];
  });
}

/** What Nomad calls it when no port is left to pick. */
export function noDynamicPort({ label }: Port, { dynamicPorts: { first, last } }: Capacity): Shortage {
  return {
    dimension: "network: dynamic port selection failed",
    text: `no port from ${first} to ${last} is free for label "${label}"`,
    never: false,
  };
}

function unknownNetwork(where: string, name: string, known: readonly HostNetwork[]): AppError {
  const names = known.map((network) => network.name);
  const near = nearestName(name, names);
  return new AppError(
    "unplaceable",
    `${where}: this host has no host_network ${JSON.stringify(name)}; it has ${names.join(", ")}`,
    {
      hint:
        near === undefined
          ? `add host_network ${JSON.stringify(name)} { … } to client in the agent's configuration`
          : `did you mean ${JSON.stringify(near)}?`,
    },
  );
}
