import { isIPv4, isIPv6 } from "node:net";
import { AppError } from "../base/errors.ts";
import type { Network } from "../job/job.ts";
import type { Forward, Word } from "./launch.ts";
import { quote } from "./quote.ts";

export interface Dns {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
}

/** The `dns` of a task: that of the first network block which has one, the task's own before the group's. */
export function dnsOf(taskNetworks: readonly Network[], groupNetworks: readonly Network[]): Dns {
  const found = [...taskNetworks, ...groupNetworks].find(
    ({ dns }) => dns.servers.length > 0 || dns.searches.length > 0,
  );
  return { servers: found?.dns.servers ?? [], searches: found?.dns.searches ?? [] };
}

/**
 * The network card of a machine that has forwarded ports or a `dns` of its own, as Nomad's driver adds it; none otherwise, and
 * then QEMU's default card is there.
 * @throws AppError `invalid` for an address or a name that is none: what stood behind a comma would be an option.
 */
export function networkWords(forwards: readonly Forward[], dns: Dns): readonly Word[] {
  if (forwards.length === 0 && dns.servers.length === 0 && dns.searches.length === 0) return [];
  const [server] = dns.servers;
  const options = [
    "user",
    "id=user.0",
    ...(server === undefined ? [] : [serverOption(server)]),
    ...dns.searches.map((name) => `dnssearch=${searchName(name)}`),
    ...forwards.map(forwardOption),
  ];
  const origin = {
    kind: "job",
    attribute: forwards.length > 0 ? "config.port_map and network" : "network.dns",
  } as const;
  return ["-netdev", options.join(","), "-device", "virtio-net,netdev=user.0"].map((word) => ({ word, origin }));
}

/** QEMU's user network knows one server. */
function serverOption(server: string): string {
  if (isIPv4(server)) return `dns=${server}`;
  if (isIPv6(server) && !server.includes("%")) return `ipv6-dns=${server}`;
  throw new AppError("invalid", `network.dns.servers: expected an IP address, found ${JSON.stringify(server)}`);
}

const DOMAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*\.?$/;

function searchName(name: string): string {
  if (name.length <= 253 && DOMAIN_NAME.test(name)) return quote(name, "network.dns.searches");
  throw new AppError("invalid", `network.dns.searches: expected a domain name, found ${JSON.stringify(name)}`);
}

function forwardOption({ label, protocol, hostAddress, hostPort, guestPort }: Forward): string {
  if (hostAddress !== "" && !isIPv4(hostAddress)) {
    throw new AppError(
      "invalid",
      `port ${JSON.stringify(label)}: QEMU forwards from IPv4 addresses only, found ${JSON.stringify(hostAddress)}`,
    );
  }
  return `hostfwd=${protocol}:${hostAddress}:${hostPort}-:${guestPort}`;
}
