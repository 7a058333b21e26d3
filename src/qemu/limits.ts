import { cpuWeight, type MachineLimits } from "../cgroup/limits.ts";
import type { Resources } from "../job/job.ts";
import { readArguments } from "./arguments.ts";
import { guestMemory, overheadMemory, processorCount } from "./memory.ts";

const MIB = 2 ** 20;
/** QEMU has a thread for each processor of the guest, at most 64 that read and write disks, and a handful more. */
const PIDS = 512;
const PIDS_PER_PROCESSOR = 2;
/** Taken for the MHz of a core when the host does not tell them. */
const LIKELY_MHZ = 1_000;

export interface LimitInput {
  /** The whole command line: what `args` say of memory and processors counts as QEMU will read it. */
  readonly argv: readonly string[];
  readonly resources: Pick<Resources, "cpu" | "cores" | "memory_max">;
  /** Numbers of the processors that the machine is bound to. */
  readonly cores: readonly number[];
  readonly host: {
    /** Bytes. */
    readonly memory: number;
    /** MHz of one processor; 0 when it is not known. */
    readonly frequency: number;
  };
}

/** What limits hang on, from the node's attributes. */
export function hostOf(attributes: Readonly<Record<string, string>>): LimitInput["host"] {
  const number = (name: string): number => Number(attributes[name] ?? "0") || 0;
  return { memory: number("memory.totalbytes"), frequency: number("cpu.frequency") };
}

/**
 * What a machine is held to. Its memory limit is the guest's memory and what QEMU may need beside it; Nomad's is the former alone,
 * and its machines die of it. `memory_max` can only raise it, -1 takes it away.
 */
export function limitsOf({ argv, resources, cores, host }: LimitInput): MachineLimits {
  const words = readArguments(argv.slice(1));
  const guest = guestMemory(words);
  const { memory_max: most } = resources;
  const needed = guest === null ? 0 : guest + overheadMemory(words, guest, host.memory);
  const memoryMax = Math.max(needed, most * MIB);
  // Nomad counts a core that a task asked for as all of its MHz.
  const mhz = resources.cores > 0 ? resources.cores * (host.frequency || LIKELY_MHZ) : resources.cpu;
  return {
    memoryMax: most === -1 || memoryMax === 0 ? null : memoryMax,
    guestMemory: guest,
    cpuWeight: cpuWeight(mhz),
    cores,
    pidsMax: PIDS + PIDS_PER_PROCESSOR * processorCount(words),
  };
}

/** For people: what a job's `args` keep from being limited; undefined when nothing is. */
export function unlimitedBecause(
  limits: MachineLimits,
  { memory_max }: Pick<Resources, "memory_max">,
): string | undefined {
  if (limits.memoryMax !== null || memory_max === -1) return undefined;
  return "what memory the guest will have is not known from args (-readconfig, or a -m that QEMU will not take): the machine has no memory limit";
}
