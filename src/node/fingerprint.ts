import { type Log, silentLog } from "../base/log.ts";
import type { ResourceConfig } from "../config/resources.ts";
import { build } from "../runtime/build.ts";
import { type Capabilities, describeEmulators } from "./capabilities.ts";
import { describeCapacity, listAddresses, overrideAttributes } from "./capacity.ts";
import { DEFAULT_EMULATOR, type FoundEmulators, findEmulators, type LeftOut, stripPrefix } from "./emulators.ts";
import { describeChangingHost, describeLastingHost } from "./host.ts";
import { KVM_PENDING } from "./kvm.ts";
import type { Capacity, Emulator, KvmFacts, Node, QemuFacts } from "./node.ts";

/** The Nomad whose job files and rules these are, for constraints that ask for one. */
const NOMAD_VERSION = "2.0.5";

/** What the agent's configuration says of this host. */
export interface NodeConfig {
  /** "" takes the host's name. */
  readonly name: string;
  readonly datacenter: string;
  readonly nodeClass: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Emulators that tasks may use; empty allows all. */
  readonly emulatorsAllowlist: readonly string[];
  readonly dataDir: string;
  /** True where every machine runs as a user of its own. */
  readonly dynamicUsers: boolean;
  readonly resources: ResourceConfig;
}

export interface FingerprintOptions {
  /** Where emulators are looked for, colon separated; the agent's own `PATH` by default. */
  readonly path?: string;
  readonly log?: Log;
  /** For each emulator's `--version`; 20 s by default. */
  readonly deadlineMillis?: number;
}

/** What was found out of a host, in parts that are looked at again at different times. */
export interface FoundHost {
  readonly lasting: Readonly<Record<string, string>>;
  /** Of the agent's start: what capacity is counted by, whatever machines take of it later. */
  readonly atStart: Readonly<Record<string, string>>;
  /** What may have changed since. */
  readonly changing: Readonly<Record<string, string>>;
  readonly emulators: FoundEmulators;
  /** By the emulator's name; those that were not asked yet are not in it. */
  readonly capabilities: ReadonlyMap<string, Capabilities>;
  readonly kvm: KvmFacts;
}

/** Finds out what this host is and its QEMU. Never fails for a program that misbehaves. */
export async function findHost(config: NodeConfig, options: FingerprintOptions = {}): Promise<FoundHost> {
  const emulators = await findEmulators(options.path ?? agentPath(), config.emulatorsAllowlist, options.deadlineMillis);
  const log = options.log ?? silentLog;
  for (const { path: file, reason } of emulators.leftOut) log.warn("emulator left out", { path: file, reason });
  const changing = describeChangingHost(config.dataDir);
  const lasting = describeLastingHost();
  const atStart = { ...lasting, ...changing };
  warnOfCapacity(capacityOf(config, atStart), log);
  return { lasting, atStart, changing, emulators, capabilities: new Map(), kvm: KVM_PENDING };
}

/** Where the agent looks for emulators unless told, colon separated. */
export const agentPath = (): string => process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";

/**
 * The node of what was found, with its attributes by Nomad's names.
 * @param nodeId a UUID that stays over restarts of the agent.
 */
export function composeNode(config: NodeConfig, nodeId: string, found: FoundHost): Node {
  const host = overrideAttributes({ ...found.lasting, ...found.changing }, config.resources);
  const { emulators } = found.emulators;
  const node: Node = {
    id: nodeId,
    name: config.name || (host["unique.hostname"] ?? ""),
    datacenter: config.datacenter,
    nodeClass: config.nodeClass,
    nodePool: "default",
    attributes: {
      ...host,
      ...describeDriver(emulators, config),
      ...describeEmulators(emulators, found.capabilities),
      "nomad.version": NOMAD_VERSION,
      "paddock.version": build.version,
    },
    meta: config.meta,
    qemu: describeQemu(found.emulators, config.emulatorsAllowlist),
    capacity: capacityOf(config, found.atStart),
  };
  return withKvm(node, found.kvm);
}

function capacityOf(config: NodeConfig, atStart: Readonly<Record<string, string>>): Capacity {
  return describeCapacity(overrideAttributes(atStart, config.resources), config.resources, listAddresses());
}

/** What an operator should know before a job tells them. */
function warnOfCapacity({ total, reserved, hostNetworks }: Capacity, log: Log): void {
  if (total.cpu === 0) {
    log.warn("the frequency of the processors is not known: cpu is not counted; client.cpu_total_compute sets it");
  }
  for (const name of ["cpu", "cores", "memory", "disk"] as const) {
    if (total[name] > 0 && reserved[name] >= total[name]) {
      log.warn("nothing is left for machines", { resource: name, total: total[name], reserved: reserved[name] });
    }
  }
  for (const { name, address, missing } of hostNetworks) {
    if (address === null) log.warn("a host_network has no address now", { host_network: name, found: missing });
  }
}

/** The node with what is known of KVM now: its facts and the attribute `driver.qemu.kvm`, which only a usable KVM has. */
export function withKvm(node: Node, kvm: KvmFacts): Node {
  const { "driver.qemu.kvm": _, ...attributes } = node.attributes;
  return {
    ...node,
    attributes: kvm.usable ? { ...attributes, "driver.qemu.kvm": "1" } : attributes,
    qemu: { ...node.qemu, kvm },
  };
}

function describeDriver(emulators: readonly Emulator[], config: NodeConfig): Record<string, string> {
  const main = chooseMain(emulators, config.emulatorsAllowlist);
  if (main === undefined) return {};
  return {
    "driver.qemu": "1",
    "driver.qemu.version": main.version,
    "driver.qemu.emulators": emulators.map(({ name }) => name).join(","),
    ...(config.dynamicUsers ? { "driver.qemu.dynamic_workload_users": "1" } : {}),
  };
}

/** The emulator whose version is the driver's: what tasks use that name none, or the first that they may use. */
function chooseMain(emulators: readonly Emulator[], allowlist: readonly string[]): Emulator | undefined {
  const names = [DEFAULT_EMULATOR, ...allowlist.map(stripPrefix)];
  return names.flatMap((name) => emulators.find((one) => one.name === name) ?? [])[0] ?? emulators[0];
}

function describeQemu({ emulators, leftOut }: FoundEmulators, allowlist: readonly string[]): QemuFacts {
  const healthy = emulators.length > 0;
  return {
    healthy,
    description: healthy ? `Healthy${listLeftOut(leftOut)}` : explainMissing(leftOut, allowlist),
    emulators,
    kvm: KVM_PENDING,
  };
}

function listLeftOut(leftOut: readonly LeftOut[]): string {
  if (leftOut.length === 0) return "";
  return ` (left out: ${leftOut.map(({ path, reason }) => `${path} ${reason}`).join("; ")})`;
}

function explainMissing(leftOut: readonly LeftOut[], allowlist: readonly string[]): string {
  if (leftOut.length > 0) return `no usable QEMU${listLeftOut(leftOut)}`;
  const among = allowlist.length === 0 ? "" : ` that emulators_allowlist (${allowlist.join(", ")}) allows`;
  return `no qemu-system-* on PATH${among}: install QEMU (Debian and Ubuntu: apt install qemu-system-x86)`;
}
