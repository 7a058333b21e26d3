import { readFileSync, writeFileSync } from "node:fs";

/** Bytes by which this process was at its most larger meanwhile than it was before: the kernel's own mark, so that no peak is missed. */
export async function peakGrowth(action: () => Promise<void> | void): Promise<number> {
  Bun.gc(true);
  // proc(5): 5 sets the mark back to what is there.
  writeFileSync("/proc/self/clear_refs", "5");
  const before = statusBytes("VmRSS");
  await action();
  return statusBytes("VmHWM") - before;
}

function statusBytes(name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (kib === undefined) throw new Error(`/proc/self/status has no ${name}`);
  return Number(kib) * 1024;
}
