import { constants } from "node:os";
import { formatBytes } from "../base/units.ts";
import type { CgroupNumbers } from "../cgroup/numbers.ts";

interface Signs {
  readonly exitStatus: number | null;
  readonly cgroup?: CgroupNumbers | null;
  /** Lines of the kernel's log that name QEMU. */
  readonly kernel?: { readonly lines: readonly string[] };
}

/** The kernel's words for a process that it ended to get memory (mm/oom_kill.c). */
const KILLED_FOR_MEMORY = /out of memory: killed process/i;

/** QEMU is the one process of its group that is worth killing, so a kill that was counted is its own unless it ended otherwise. */
export function isOutOfMemory({ exitStatus, cgroup, kernel }: Signs): boolean {
  const killed = exitStatus === null || exitStatus === 128 + constants.signals.SIGKILL;
  const told = kernel?.lines.some((line) => KILLED_FOR_MEMORY.test(line)) ?? false;
  return killed && (told || (cgroup?.oomKills ?? 0) > 0);
}

/** Whose memory was at an end; undefined when nothing was counted. */
export function describeOutOfMemory(cgroup: CgroupNumbers | null | undefined): string | undefined {
  if (cgroup == null) return undefined;
  if (!isOwnLimit(cgroup)) return "the host ran out of memory and the kernel killed QEMU";
  const limit = cgroup.memoryMax === null ? "" : ` of ${formatBytes(cgroup.memoryMax)}`;
  return `the machine used more than its memory limit${limit} and the kernel killed QEMU`;
}

/** What to do about it. */
export function outOfMemoryHint(cgroup: CgroupNumbers | null | undefined): string {
  if (cgroup != null && isOwnLimit(cgroup)) {
    return "the limit is the guest's memory and what QEMU is thought to need beside it: resources.memory_max (MiB) raises it, -1 takes it away; a QEMU that grows for ever has a fault";
  }
  return "the machines and everything else need more memory than the host has: give machines less, or stop some";
}

/** A kill without a hit of the group's own limit was for the host, or for a group above. */
const isOwnLimit = ({ limitHits }: CgroupNumbers): boolean => limitHits !== null && limitHits > 0;
