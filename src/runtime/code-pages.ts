import { readFileSync, readlinkSync } from "node:fs";
import { runtimeKind } from "./kind.ts";
import { loadLibc } from "./libc.ts";

/** `MADV_DONTNEED` of madvise(2). */
const DONT_NEED = 4;

/** A part of the memory of a process: from one address up to another. */
export interface Region {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Lets go of the pages of this program's own code, and of what it only reads, that are mapped: of 45 MB that a start touches little is used
 * afterwards. They stay in the kernel's cache, and what is used again is mapped again, by 64 KiB at a time and without a read. Nothing
 * where the runtime or the host has no way.
 */
export async function releaseCodePages(): Promise<void> {
  if (runtimeKind !== "bun" || process.platform !== "linux") return;
  const libc = await loadLibc(({ u64, i32 }) => ({ madvise: { args: [u64, u64, i32], returns: i32 } }));
  if (libc === null) return;
  for (const { from, to } of findCode(readFileSync("/proc/self/smaps", "utf8"), readlinkSync("/proc/self/exe"))) {
    libc.madvise(from, to - from, DONT_NEED);
  }
}

/**
 * The regions that hold code of a program, or what it only reads, as it is in its file. One that was written to, as a debugger does, would lose that: such a
 * region is none.
 * @param smaps of a process, see proc_pid_smaps(5). @param path of the program's file, as the kernel names it.
 */
export function findCode(smaps: string, path: string): Region[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const [, first, end, access, file] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(.*)$/m.exec(text) ?? [];
    const isAsInFile = /^Anonymous: +0 kB$/m.test(text);
    if (!/^r-[x-]p$/.test(access ?? "") || file !== path || !isAsInFile) return [];
    return [{ from: BigInt(`0x${first}`), to: BigInt(`0x${end}`) }];
  });
}
