import type { AssignedPort } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { nearestName, orList } from "../base/text.ts";
import type { Forward } from "./launch.ts";

/**
 * Which host ports lead to which guest ports: every entry of `port_map`, and every port with `to` that has no entry; tcp and
 * udp both, as Nomad's driver does. A port with neither is the task's to use in `args`.
 * @param portMap `config.port_map` after interpolation: numbers, or texts that are numbers.
 * @param busyUdp host ports whose udp side somebody else has: only their tcp side is forwarded.
 * @returns sorted by label, udp before tcp.
 * @throws AppError `invalid` for a label that no network has and for a guest port outside 1 to 65535.
 */
export function forwardsOf(
  portMap: Readonly<Record<string, number | string>>,
  ports: readonly AssignedPort[],
  busyUdp: ReadonlySet<number> = new Set(),
): readonly Forward[] {
  for (const label of Object.keys(portMap)) {
    if (!ports.some((port) => port.label === label)) throw unknownLabel(label, ports);
  }
  return [...ports]
    .sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0))
    .flatMap((port) => {
      const guestPort = guestPortOf(portMap, port);
      if (guestPort === undefined) return [];
      const { label, hostAddress, hostPort } = port;
      const both = (["udp", "tcp"] as const).map((protocol) => ({ label, protocol, hostAddress, hostPort, guestPort }));
      return both.filter((forward) => forward.protocol === "tcp" || !busyUdp.has(hostPort));
    });
}

function guestPortOf(portMap: Readonly<Record<string, number | string>>, port: AssignedPort): number | undefined {
  if (!Object.hasOwn(portMap, port.label)) {
    if (port.to === -1) return port.hostPort;
    return port.to > 0 ? port.to : undefined;
  }
  const given = portMap[port.label] ?? "";
  const number = typeof given === "number" ? given : /^\d{1,5}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  throw new AppError(
    "invalid",
    `config.port_map.${port.label}: expected a guest port from 1 to 65535, found ${JSON.stringify(given)}`,
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
