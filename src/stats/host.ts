import { realpathSync, statfsSync } from "node:fs";
import { unescapeMount } from "../base/text.ts";
import { kibibytes, readProc } from "./process.ts";

/** Clock ticks that a processor of the host has spent since boot. */
export interface CpuTicks {
  /** `cpu0`, … */
  readonly name: string;
  readonly user: number;
  readonly system: number;
  readonly idle: number;
  readonly total: number;
}

/** The host at one moment; sizes in bytes. */
export interface HostReading {
  readonly cpus: readonly CpuTicks[];
  readonly memory: HostMemory;
  readonly disk: HostDisk;
  /** Seconds since boot. */
  readonly uptime: number;
}

export interface HostMemory {
  readonly total: number;
  /** What programs can still have. */
  readonly available: number;
  /** What nobody has had yet, not even as a cache. */
  readonly free: number;
}

/** The file system that holds the agent's data. */
export interface HostDisk {
  readonly mountPoint: string;
  readonly size: number;
  readonly used: number;
  /** For who is not root. */
  readonly available: number;
  readonly inodesUsedPercent: number;
}

/** Reads the lines of single processors in `/proc/stat`. */
export function parseCpuTicks(text: string): readonly CpuTicks[] {
  return [...text.matchAll(/^(cpu\d+) ([\d ]+)$/gm)].map(([, name = "", numbers = ""]) => {
    const fields = numbers.trim().split(/ +/).map(Number);
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = fields;
    // What guests had under KVM stands in `user` already (proc(5)).
    return {
      name,
      user: user + nice,
      system: system + irq + softirq,
      idle: idle + wait,
      total: user + nice + system + idle + wait + irq + softirq + steal,
    };
  });
}

/** Reads `/proc/meminfo`; 0 for what it does not tell. */
export function parseMemory(text: string): HostMemory {
  const [total, available, free] = ["MemTotal", "MemAvailable", "MemFree"].map((name) => kibibytes(text, name) ?? 0);
  return { total: total ?? 0, available: available ?? 0, free: free ?? 0 };
}

/** Looks at the host. @param dataDir a directory that is there. @throws system errors. */
export function readHost(dataDir: string): HostReading {
  return {
    cpus: parseCpuTicks(readProc("/proc/stat")),
    memory: parseMemory(readProc("/proc/meminfo")),
    disk: readDisk(dataDir),
    uptime: Number.parseFloat(readProc("/proc/uptime")) || 0,
  };
}

function readDisk(dataDir: string): HostDisk {
  const { blocks, bfree, bavail, bsize, files, ffree } = statfsSync(dataDir);
  return {
    mountPoint: findMountPoint(readProc("/proc/self/mounts"), realpathSync(dataDir)),
    size: blocks * bsize,
    used: (blocks - bfree) * bsize,
    available: bavail * bsize,
    inodesUsedPercent: files === 0 ? 0 : ((files - ffree) / files) * 100,
  };
}

/** Where the file system of `directory` (a real path) is mounted, from the text of `/proc/self/mounts`. */
export function findMountPoint(mounts: string, directory: string): string {
  const points = mounts.split("\n").map((line) => unescapeMount(line.split(" ")[1] ?? ""));
  const around = points.filter((point) => point === "/" || directory === point || directory.startsWith(`${point}/`));
  return around.reduce((longest, point) => (point.length > longest.length ? point : longest), "/");
}
