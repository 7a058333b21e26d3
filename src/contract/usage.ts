import * as v from "valibot";
import type { Node } from "../node/node.ts";
import type { HostUsage, MachineDetail, MachineUsage } from "../stats/usage.ts";
import { CountSchema, NanosSchema, writeTime } from "./scalars.ts";

export const AmountSchema = v.pipe(v.number(), v.minValue(0));

export const MemoryStatsSchema = v.object({
  RSS: CountSchema,
  Cache: CountSchema,
  Swap: CountSchema,
  MappedFile: CountSchema,
  Usage: CountSchema,
  MaxUsage: CountSchema,
  KernelUsage: CountSchema,
  KernelMaxUsage: CountSchema,
  /** Which of them say something, in Nomad's words; the others are 0. */
  Measured: v.array(v.string()),
});

export const CpuStatsSchema = v.object({
  SystemMode: AmountSchema,
  UserMode: AmountSchema,
  /** MHz; 0 where the host does not tell the frequency of its processors. */
  TotalTicks: AmountSchema,
  ThrottledPeriods: CountSchema,
  ThrottledTime: CountSchema,
  /** 100 is one processor of the host. */
  Percent: AmountSchema,
  Measured: v.array(v.string()),
});

export const ResourceUsageSchema = v.object({
  MemoryStats: MemoryStatsSchema,
  CpuStats: CpuStatsSchema,
  DeviceStats: v.array(v.never()),
});
export type WireResourceUsage = v.InferOutput<typeof ResourceUsageSchema>;

export const DriveStatsSchema = v.object({
  Name: v.string(),
  ReadBytes: CountSchema,
  WrittenBytes: CountSchema,
  Reads: CountSchema,
  Writes: CountSchema,
  Flushes: CountSchema,
  ReadErrors: CountSchema,
  WriteErrors: CountSchema,
});

/** What Nomad has no word for. */
export const MachineStatsSchema = v.object({
  /** On a processor of the host since the start. */
  CpuSeconds: AmountSchema,
  /** Since QEMU's start; null while its monitor does not answer. */
  Drives: v.nullable(v.array(DriveStatsSchema)),
  /** Bytes that the guest has; null without a balloon device. */
  Balloon: v.nullable(CountSchema),
  /** Only with `detail=true`: bytes, what is shared counted by its share; null when it cannot be read. */
  PSS: v.optional(v.nullable(CountSchema)),
  /** Only with `detail=true`: by the threads of QEMU that run the guest's processors; null while its monitor does not answer. */
  Vcpus: v.optional(v.nullable(v.array(v.object({ Index: CountSchema, CpuSeconds: AmountSchema })))),
});

export const TaskResourceUsageSchema = v.object({
  ResourceUsage: ResourceUsageSchema,
  Timestamp: NanosSchema,
  /** By process: QEMU's one. */
  Pids: v.record(v.string(), ResourceUsageSchema),
  Paddock: MachineStatsSchema,
});

/** Reply of `GET /v1/client/allocation/:id/stats`, Nomad's `AllocResourceUsage`. */
export const AllocationUsageSchema = v.object({
  ResourceUsage: ResourceUsageSchema,
  /** Those that have a process. */
  Tasks: v.record(v.string(), TaskResourceUsageSchema),
  Timestamp: NanosSchema,
});
export type WireAllocationUsage = v.InferOutput<typeof AllocationUsageSchema>;

export const DiskStatsSchema = v.object({
  Device: v.string(),
  Mountpoint: v.string(),
  Size: CountSchema,
  Used: CountSchema,
  Available: CountSchema,
  UsedPercent: AmountSchema,
  InodesUsedPercent: AmountSchema,
});

/** Reply of `GET /v1/client/stats`, Nomad's `HostStats`. */
export const HostUsageSchema = v.object({
  Memory: v.object({ Total: CountSchema, Available: CountSchema, Used: CountSchema, Free: CountSchema }),
  CPU: v.array(
    v.object({
      CPU: v.string(),
      User: AmountSchema,
      System: AmountSchema,
      Idle: AmountSchema,
      TotalPercent: AmountSchema,
      TotalTicks: AmountSchema,
    }),
  ),
  /** The file system of the agent's data directory alone. */
  DiskStats: v.array(DiskStatsSchema),
  AllocDirStats: DiskStatsSchema,
  DeviceStats: v.array(v.never()),
  /** Seconds since the host's boot. */
  Uptime: CountSchema,
  /** MHz. */
  CPUTicksConsumed: AmountSchema,
  Timestamp: NanosSchema,
});
export type WireHostUsage = v.InferOutput<typeof HostUsageSchema>;

/** What the machine of one task takes. */
export interface MeasuredTask {
  readonly task: string;
  readonly usage: MachineUsage;
  readonly detail: MachineDetail | null;
}

/** @param at when it was asked, for an allocation without a process; milliseconds since 1970. */
export function writeAllocationUsage(
  machines: readonly MeasuredTask[],
  attributes: Node["attributes"],
  at: number,
): WireAllocationUsage {
  const mhz = processorMhz(attributes);
  const tasks = machines.map(({ task, usage, detail }) => {
    const own = writeUsage(usage, mhz);
    const stats = {
      ResourceUsage: own,
      Timestamp: writeTime(usage.at),
      Pids: { [usage.pid]: own },
      Paddock: writeMachineStats(usage, detail),
    };
    return [task, stats] as const;
  });
  return {
    ResourceUsage: sumUsages(tasks.map(([, { ResourceUsage }]) => ResourceUsage)),
    Tasks: Object.fromEntries(tasks),
    Timestamp: writeTime(Math.max(at, ...machines.map(({ usage }) => usage.at))),
  };
}

export function writeHostUsage(host: HostUsage, attributes: Node["attributes"]): WireHostUsage {
  const { memory, disk } = host;
  const mhz = processorMhz(attributes);
  const cpus = host.cpuPercents.map(({ name, user, system, idle }) => {
    const busy = 100 - idle;
    return { CPU: name, User: user, System: system, Idle: idle, TotalPercent: busy, TotalTicks: (busy / 100) * mhz };
  });
  const drive = {
    Device: attributes["unique.storage.volume"] ?? "",
    Mountpoint: disk.mountPoint,
    Size: disk.size,
    Used: disk.used,
    Available: disk.available,
    UsedPercent: disk.size === 0 ? 0 : (disk.used / disk.size) * 100,
    InodesUsedPercent: disk.inodesUsedPercent,
  };
  return {
    Memory: {
      Total: memory.total,
      Available: memory.available,
      Used: Math.max(0, memory.total - memory.available),
      Free: memory.free,
    },
    CPU: cpus,
    DiskStats: [drive],
    AllocDirStats: drive,
    DeviceStats: [],
    Uptime: Math.floor(host.uptime),
    CPUTicksConsumed: cpus.reduce((sum, { TotalTicks }) => sum + TotalTicks, 0),
    Timestamp: writeTime(host.at),
  };
}

/** MHz of one processor of the host; 0 where it does not tell. */
export function processorMhz(attributes: Node["attributes"]): number {
  const [total, count] = ["cpu.totalcompute", "cpu.numcores"].map((name) => Number(attributes[name] ?? "0"));
  return total && count ? total / count : 0;
}

function writeUsage({ cpu, memory }: MachineUsage, mhz: number): WireResourceUsage {
  const percent = cpu.userPercent + cpu.systemPercent;
  return {
    MemoryStats: {
      ...{ RSS: memory.rss, Cache: 0, Swap: memory.swap, MappedFile: 0, Usage: 0, MaxUsage: memory.peak },
      ...{ KernelUsage: 0, KernelMaxUsage: 0, Measured: ["RSS", "Swap", "Max Usage"] },
    },
    CpuStats: {
      ...{ SystemMode: cpu.systemPercent, UserMode: cpu.userPercent, TotalTicks: (percent / 100) * mhz },
      ...{ ThrottledPeriods: 0, ThrottledTime: 0, Percent: percent },
      Measured: ["System Mode", "User Mode", "Percent"],
    },
    DeviceStats: [],
  };
}

/** What nothing was measured of says so. */
function sumUsages(usages: readonly WireResourceUsage[]): WireResourceUsage {
  const memory = (key: Exclude<keyof WireResourceUsage["MemoryStats"], "Measured">): number =>
    usages.reduce((sum, { MemoryStats }) => sum + MemoryStats[key], 0);
  const cpu = (key: Exclude<keyof WireResourceUsage["CpuStats"], "Measured">): number =>
    usages.reduce((sum, { CpuStats }) => sum + CpuStats[key], 0);
  return {
    MemoryStats: {
      ...{ RSS: memory("RSS"), Cache: 0, Swap: memory("Swap"), MappedFile: 0, Usage: 0, MaxUsage: memory("MaxUsage") },
      ...{ KernelUsage: 0, KernelMaxUsage: 0, Measured: usages[0]?.MemoryStats.Measured ?? [] },
    },
    CpuStats: {
      ...{ SystemMode: cpu("SystemMode"), UserMode: cpu("UserMode"), TotalTicks: cpu("TotalTicks") },
      ...{ ThrottledPeriods: 0, ThrottledTime: 0, Percent: cpu("Percent") },
      Measured: usages[0]?.CpuStats.Measured ?? [],
    },
    DeviceStats: [],
  };
}

function writeMachineStats(
  { cpu, drives, balloon }: MachineUsage,
  detail: MachineDetail | null,
): v.InferOutput<typeof MachineStatsSchema> {
  return {
    CpuSeconds: cpu.seconds,
    Drives:
      drives?.map((drive) => ({
        ...{ Name: drive.name, ReadBytes: drive.readBytes, WrittenBytes: drive.writtenBytes, Reads: drive.reads },
        ...{ Writes: drive.writes, Flushes: drive.flushes },
        ...{ ReadErrors: drive.readErrors, WriteErrors: drive.writeErrors },
      })) ?? null,
    Balloon: balloon,
    ...(detail === null
      ? {}
      : {
          PSS: detail.pss,
          Vcpus: detail.vcpus?.map(({ index, seconds }) => ({ Index: index, CpuSeconds: seconds })) ?? null,
        }),
  };
}
