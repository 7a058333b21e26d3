/** What the kernel holds one machine to; a launch's record has it, so that it can be told afterwards. */
export interface MachineLimits {
  /** Bytes for QEMU with its guest; null for no limit. */
  readonly memoryMax: number | null;
  /** Bytes of it that the guest's memory is; null when the command line does not tell. */
  readonly guestMemory: number | null;
  /** 1 to 10000, 100 is what every group has that nobody asked anything for. */
  readonly cpuWeight: number;
  /** Numbers of the host's processors that it is bound to, as no other machine is; empty for all. */
  readonly cores: readonly number[];
  /** Processes and threads. */
  readonly pidsMax: number;
}

/** The range of CPU shares of cgroup v1, in which Nomad counts MHz, and that of cgroup v2's weights. */
const SHARES = { least: 2, most: 262_144 } as const;
const WEIGHTS = { least: 1, most: 10_000 } as const;

/**
 * The weight of a machine that asked for so many MHz: Nomad takes MHz for CPU shares, and the runtimes of the Open Container
 * Initiative turn shares into weights by a straight line between the ends of both ranges (crun's manual, "CGROUP v2").
 */
export function cpuWeight(mhz: number): number {
  const shares = Math.min(SHARES.most, Math.max(SHARES.least, Math.floor(mhz)));
  const along = ((shares - SHARES.least) * (WEIGHTS.most - WEIGHTS.least)) / (SHARES.most - SHARES.least);
  return WEIGHTS.least + Math.floor(along);
}

/** One file of a group and what is written into it. */
export interface ControlFile {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
}

/** The controllers that machines are held by, in the order in which they are asked for. */
export const CONTROLLERS = ["memory", "cpu", "cpuset", "pids"] as const;
export type Controller = (typeof CONTROLLERS)[number];

/**
 * Limits as the files of a group (Linux's Documentation/admin-guide/cgroup-v2.rst). `memory.oom.group` stays 0: the kernel then
 * ends QEMU alone, and the wrapper beside it lives to write down how it ended.
 */
export function controlFiles(limits: MachineLimits): readonly ControlFile[] {
  const files: ControlFile[] = [
    { controller: "memory", file: "memory.max", value: limits.memoryMax === null ? "max" : String(limits.memoryMax) },
    { controller: "cpu", file: "cpu.weight", value: String(limits.cpuWeight) },
    { controller: "pids", file: "pids.max", value: String(limits.pidsMax) },
  ];
  if (limits.cores.length === 0) return files;
  return [...files, { controller: "cpuset", file: "cpuset.cpus", value: limits.cores.join(",") }];
}
