import type { DriveCounters } from "../qmp/statistics.ts";
import type { CpuTicks, HostReading } from "./host.ts";
import { type ProcessMemory, type ProcessorTime, secondsOf } from "./process.ts";

/** What a machine takes of its host. */
export interface MachineUsage {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cpu: CpuUsage;
  readonly memory: ProcessMemory;
  /** Null while the monitor does not answer. */
  readonly drives: readonly DriveCounters[] | null;
  /** Bytes that the guest has; null without a balloon device or while the monitor does not answer. */
  readonly balloon: number | null;
}

/** Processor time of a process; 100 percent is one processor of the host, as in Nomad. */
export interface CpuUsage {
  readonly userPercent: number;
  readonly systemPercent: number;
  /** Seconds on a processor since the start. */
  readonly seconds: number;
}

/** What costs more to find out, so that it is asked for one machine at a time. */
export interface MachineDetail {
  /** Resident memory with what is shared counted by its share, in bytes; null when it cannot be read. */
  readonly pss: number | null;
  /** Null while the monitor does not answer. */
  readonly vcpus: readonly VcpuUsage[] | null;
}

export interface VcpuUsage {
  readonly index: number;
  /** Of the thread that runs it, on a processor since its start; TCG may run several vcpus by one thread. */
  readonly seconds: number;
}

export interface HostUsage extends HostReading {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly cpuPercents: readonly HostCpuUsage[];
}

/** Percent of one processor of the host; what is missing to 100 was taken by others above us. */
export interface HostCpuUsage {
  readonly name: string;
  readonly user: number;
  readonly system: number;
  readonly idle: number;
}

/** What a process took between two looks. @param span milliseconds between them. */
export function cpuBetween(before: ProcessorTime, after: ProcessorTime, span: number): CpuUsage {
  const percent = (from: number, to: number): number => (span <= 0 ? 0 : Math.max(0, to - from) * (100_000 / span));
  return {
    userPercent: percent(before.user, after.user),
    systemPercent: percent(before.system, after.system),
    seconds: secondsOf(after),
  };
}

/** What each processor of the host did between two looks; one that came meanwhile is idle. */
export function hostCpuBetween(before: readonly CpuTicks[], after: readonly CpuTicks[]): readonly HostCpuUsage[] {
  const earlier = new Map(before.map((cpu) => [cpu.name, cpu]));
  return after.map((cpu) => {
    const from = earlier.get(cpu.name) ?? cpu;
    const span = cpu.total - from.total;
    // A counter of the kernel's may step back (idle does, when a processor is taken offline).
    const part = (ticks: number): number => (span <= 0 ? 0 : Math.min(100, Math.max(0, (ticks / span) * 100)));
    return {
      name: cpu.name,
      user: part(cpu.user - from.user),
      system: part(cpu.system - from.system),
      idle: span <= 0 ? 100 : part(cpu.idle - from.idle),
    };
  });
}
