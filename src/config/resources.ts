import { isIPv4, isIPv6 } from "node:net";
import { EVERY_ADDRESS } from "../base/every-address.ts";
import { parseIpv4Block } from "../base/ipv4.ts";
import { parseRanges, type Range } from "../base/ranges.ts";
import type { Reporter } from "../hcl/places.ts";
import type { ConfigFile } from "./schema.ts";

/** What the operator says of what this host has for machines. */
export interface ResourceConfig {
  /** Instead of what was found: MHz and MiB; 0 keeps what was found. */
  readonly cpuTotal: number;
  readonly memoryTotal: number;
  readonly diskTotal: number;
  readonly diskFree: number;
  /** Where ports are picked from that a job leaves to the agent. */
  readonly dynamicPorts: Range;
  /** Where the ports of the network `default` are bound, "" for every address. */
  readonly bindAddress: string;
  /** What machines do not get: MHz, numbers of processors, MiB, ports. */
  readonly reserved: {
    readonly cpu: number;
    readonly cores: readonly Range[];
    readonly memory: number;
    readonly disk: number;
    readonly ports: readonly Range[];
  };
  readonly hostNetworks: readonly {
    readonly name: string;
    readonly cidr: string | undefined;
    readonly interface: string | undefined;
    readonly reservedPorts: readonly Range[];
  }[];
}

/** What the resources of a checked configuration are. */
export function completeResources({ client }: ConfigFile): ResourceConfig {
  const { reserved } = client;
  return {
    cpuTotal: client.cpu_total_compute,
    memoryTotal: client.memory_total_mb,
    diskTotal: client.disk_total_mb,
    diskFree: client.disk_free_mb,
    dynamicPorts: { first: client.min_dynamic_port, last: client.max_dynamic_port },
    bindAddress: client.bind_address === EVERY_ADDRESS ? "" : (client.bind_address ?? ""),
    reserved: {
      cpu: reserved.cpu,
      cores: rangesOf(reserved.cores),
      memory: reserved.memory,
      disk: reserved.disk,
      ports: rangesOf(reserved.reserved_ports),
    },
    hostNetworks: client.host_networks.map((network) => ({
      name: network.name,
      cidr: network.cidr,
      interface: network.interface,
      reservedPorts: rangesOf(network.reserved_ports),
    })),
  };
}

/** The schema has refused what is no list of ranges. */
function rangesOf(text: string): readonly Range[] {
  return parseRanges(text, 0, Number.MAX_SAFE_INTEGER) ?? [];
}

/** Checks what the schema cannot say of one value alone. @param report its paths begin at `client`. */
export function checkResources(client: ConfigFile["client"], report: Reporter): void {
  const { min_dynamic_port: first, max_dynamic_port: last, bind_address: address } = client;
  if (first > last) {
    report.must("max_dynamic_port", `be ${first} or more, which min_dynamic_port is, found ${last}`);
  }
  if (address !== undefined && !isIPv4(address)) {
    const hint = isIPv6(address) ? QEMU_IPV4 : "use an address of this host, or leave it out for every address";
    report.must("bind_address", `be an IPv4 address, found ${JSON.stringify(address)}`, hint);
  }
  client.host_networks.forEach((_, index) => {
    checkHostNetwork(client, index, report.at(`host_networks[${index}]`));
  });
}

const QEMU_IPV4 = "QEMU forwards from IPv4 addresses only";

function checkHostNetwork({ host_networks: all }: ConfigFile["client"], index: number, report: Reporter): void {
  const network = all[index];
  if (network === undefined) return;
  const { name, cidr } = network;
  if (!/^[\w.-]{1,128}$/.test(name)) {
    report.must("name", `be a name of letters, digits, _, . and -, found ${JSON.stringify(name)}`);
  }
  if (name === "default") {
    report.error("name", 'host_network "default" is there already', "set client.bind_address for its address");
  }
  if (all.findIndex((other) => other.name === name) < index) {
    report.error("name", `host_network ${JSON.stringify(name)} stands twice`, "keep one of them");
  }
  if (cidr === undefined && network.interface === undefined) {
    report.error("name", `host_network ${JSON.stringify(name)} needs cidr or interface`);
  }
  if (cidr !== undefined && parseIpv4Block(cidr) === undefined) {
    const hint = cidr.includes(":") ? QEMU_IPV4 : 'write it like "192.0.2.0/24"';
    report.must("cidr", `be a block of IPv4 addresses, found ${JSON.stringify(cidr)}`, hint);
  }
}
