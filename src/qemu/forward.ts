import type { AssignedPort } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { nearestName, orList } from "../base/text.ts";
import { type PortMapping, readPortMapping } from "../job/port-mapping.ts";
import type { Forward } from "./launch.ts";

/**
 * Which host ports lead to which guest ports: every entry of `port_map`, and every port with `to` that has no entry; tcp and
 * udp both, as Nomad's driver does, unless the entry names one (`80/tcp`). A port with neither is the task's to use in `args`.
 * @param portMap `config.port_map` after interpolation: numbers, or texts that are numbers.
 * @returns sorted by label, udp before tcp.
 * @throws AppError `invalid` for a label that no network has and for a guest port outside 1 to 65535.
 */
export function forwardsOf(
  portMap: Readonly<Record<string, number | string>>,
  ports: readonly AssignedPort[],
): readonly Forward[] {
  for (const label of Object.keys(portMap)) {
    if (!ports.some((port) => port.label === label)) throw unknownLabel(label, ports);
  }
  return [...ports]
    .sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0))
    .flatMap((port) => {
      const { label, hostAddress, hostPort } = port;
      const { guestPort, protocols } = mappingOf(portMap, port);
      return protocols.map((protocol) => ({ label, protocol, hostAddress, hostPort, guestPort }));
    });
}

function mappingOf(portMap: Readonly<Record<string, number | string>>, port: AssignedPort): PortMapping {
  if (!Object.hasOwn(portMap, port.label)) {
    const guestPort = port.to === -1 ? port.hostPort : port.to;
    return { guestPort, protocols: guestPort > 0 ? ["udp", "tcp"] : [] };
  }
  const given = portMap[port.label] ?? "";
  const mapping = readPortMapping(given);
  if (mapping !== undefined) return mapping;
  throw new AppError(
    "invalid",
    `config.port_map.${port.label}: expected a guest port from 1 to 65535, found ${JSON.stringify(given)}`,
    { hint: 'write 80 for tcp and udp, or one of them: "80/tcp"' },
  );
}

function unknownLabel(label: string, ports: readonly AssignedPort[]): AppError {
  const labels = ports.map((port) => port.label);
  const near = nearestName(label, labels);
  const known = labels.length === 0 ? "the task has no network with ports" : `the networks have ${orList(labels)}`;
  return new AppError("invalid", `config.port_map: unknown port label ${JSON.stringify(label)}; ${known}`, {
    hint:
      near === undefined
        ? `add port ${JSON.stringify(label)} {} to a network block`
        : `did you mean ${JSON.stringify(near)}?`,
  });
}
