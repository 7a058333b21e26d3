import type { Range } from "../base/ranges.ts";

/** This host as constraints and interpolation see it. */
export interface Node {
  /** Stable over restarts of the agent, a UUID. */
  readonly id: string;
  readonly name: string;
  readonly datacenter: string;
  readonly nodeClass: string;
  readonly nodePool: string;
  /** Attribute name without `attr.` to text, as Nomad spells them: `driver.qemu.version`, `cpu.numcores`, … */
  readonly attributes: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  readonly qemu: QemuFacts;
  readonly capacity: Capacity;
}

/** What is counted of a host and of what runs on it. */
export interface Amounts {
  /** MHz. */
  readonly cpu: number;
  /** Whole processors that belong to one machine alone. */
  readonly cores: number;
  /** MiB. */
  readonly memory: number;
  /** MiB. */
  readonly disk: number;
}

/** What this host has for machines, as the agent found it at its start. */
export interface Capacity {
  /** All of it; `cpu` is 0 where nobody could tell, and not counted then. `disk` is what was free. */
  readonly total: Amounts;
  /** What machines do not get. */
  readonly reserved: Amounts;
  /** Numbers of the processors that machines do not get. */
  readonly reservedCores: readonly Range[];
  /** Ports that machines do not get on any address. */
  readonly reservedPorts: readonly Range[];
  /** Where ports are picked from that a job leaves to the agent. */
  readonly dynamicPorts: Range;
  /** Where a port may be bound; the first is `default`. */
  readonly hostNetworks: readonly HostNetwork[];
}

/** A `host_network` of the agent's configuration. */
export interface HostNetwork {
  readonly name: string;
  /** The IPv4 address that its ports are bound to, "" for every address; null when the host has none of it. */
  readonly address: string | null;
  /** Of the address; "" for every one and for none. */
  readonly interface: string;
  /** What it was looked for by, for messages: `no IPv4 address in 192.0.2.0/24`. */
  readonly missing: string;
  readonly reservedPorts: readonly Range[];
}

export interface QemuFacts {
  readonly healthy: boolean;
  /** Nomad's health description: `Healthy`, or why not. */
  readonly description: string;
  readonly emulators: readonly Emulator[];
  readonly kvm: KvmFacts;
}

export interface Emulator {
  /** Name behind `qemu-system-`, such as `x86_64`. */
  readonly name: string;
  /** Absolute path with symbolic links resolved. */
  readonly path: string;
  readonly version: string;
  /** The device by which a guest tells of a panic, when this emulator was asked and has it: `pvpanic`, `pvpanic-pci`. */
  readonly panicDevice?: string;
}

export interface KvmFacts {
  /** True only after a small guest printed its banner under KVM. */
  readonly usable: boolean;
  /** Why not, in words that say what to do; "" when usable. */
  readonly reason: string;
}
