import { networkInterfaces } from "node:os";
import { isInBlock, parseIpv4Block } from "../base/ipv4.ts";
import { countInRanges } from "../base/ranges.ts";
import type { ResourceConfig } from "../config/resources.ts";
import type { Capacity, HostNetwork } from "./node.ts";

/** The IPv4 addresses of the host's interfaces, in the order in which the kernel has them. */
export interface InterfaceAddress {
  readonly interface: string;
  readonly address: string;
}

/** Bytes in what Nomad calls MB. */
const MIB = 1 << 20;

/** The attributes of the host with what the operator says instead of what was found. */
export function overrideAttributes(
  found: Readonly<Record<string, string>>,
  { cpuTotal, memoryTotal, diskTotal, diskFree }: ResourceConfig,
): Record<string, string> {
  return {
    ...found,
    ...(cpuTotal > 0 ? { "cpu.totalcompute": String(cpuTotal) } : {}),
    ...(memoryTotal > 0 ? { "memory.totalbytes": String(memoryTotal * MIB) } : {}),
    ...(diskTotal > 0 ? { "unique.storage.bytestotal": String(diskTotal * MIB) } : {}),
    ...(diskFree > 0 ? { "unique.storage.bytesfree": String(diskFree * MIB) } : {}),
  };
}

/** What the host has for machines, from its attributes. */
export function describeCapacity(
  attributes: Readonly<Record<string, string>>,
  config: ResourceConfig,
  addresses: readonly InterfaceAddress[],
): Capacity {
  const number = (name: string): number => Math.max(0, Math.floor(Number(attributes[name] ?? "0")) || 0);
  const total = {
    cpu: number("cpu.totalcompute"),
    cores: number("cpu.numcores"),
    memory: Math.floor(number("memory.totalbytes") / MIB),
    disk: Math.floor(number("unique.storage.bytesfree") / MIB),
  };
  const { cpu, memory, disk, cores: reservedCores, ports } = config.reserved;
  const cores = countInRanges(reservedCores, 0, total.cores - 1);
  // A reserved processor takes its share of the compute along.
  const withCores = total.cores === 0 ? 0 : Math.floor((total.cpu * cores) / total.cores);
  return {
    total,
    reserved: { cpu: Math.max(cpu, withCores), cores, memory, disk },
    reservedCores,
    reservedPorts: ports,
    dynamicPorts: config.dynamicPorts,
    hostNetworks: findHostNetworks(config, addresses),
  };
}

function findHostNetworks(config: ResourceConfig, addresses: readonly InterfaceAddress[]): HostNetwork[] {
  const { bindAddress } = config;
  const bound = bindAddress === "" ? undefined : findAddress(`${bindAddress}/32`, undefined, addresses);
  const byDefault: HostNetwork = {
    name: "default",
    address: bindAddress === "" ? "" : (bound?.address ?? null),
    interface: bound?.interface ?? "",
    missing: `no address ${bindAddress}`,
    reservedPorts: [],
  };
  const named = config.hostNetworks.map(({ name, cidr, interface: device, reservedPorts }): HostNetwork => {
    const found = findAddress(cidr, device, addresses);
    const where = [cidr === undefined ? "" : ` in ${cidr}`, device === undefined ? "" : ` on interface ${device}`];
    return {
      name,
      address: found?.address ?? null,
      interface: found?.interface ?? "",
      missing: `no IPv4 address${where.join("")}`,
      reservedPorts,
    };
  });
  return [byDefault, ...named];
}

/** The first address of the host that is meant. */
function findAddress(
  cidr: string | undefined,
  device: string | undefined,
  addresses: readonly InterfaceAddress[],
): InterfaceAddress | undefined {
  const block = cidr === undefined ? undefined : parseIpv4Block(cidr);
  const found = addresses.find(
    (one) =>
      (device === undefined || one.interface === device) && (block === undefined || isInBlock(block, one.address)),
  );
  if (found !== undefined || cidr === undefined) return found;
  // Linux takes every address of 127.0.0.0/8 for its own, although the interface lists one.
  const single = /^(127\..+)\/32$/.exec(cidr)?.[1];
  const loopback = addresses.find(({ address }) => address === "127.0.0.1");
  if (single === undefined || loopback === undefined || (device ?? loopback.interface) !== loopback.interface) return;
  return { interface: loopback.interface, address: single };
}

/** The IPv4 addresses of this host now: QEMU 7.2 forwards from no other (`Bad host address` for `[::1]`). */
export function listAddresses(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list.filter(({ family }) => family === "IPv4").map(({ address }) => ({ interface: name, address })),
  );
}
