import { execFileSync } from "node:child_process";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { DEMO_DISK_BYTES } from "../../src/guest/demo-image.ts";

/** Assembles the guest that prints a counter on its serial port for ever; needs nasm. */
export function makeCounterDisk(path: string): void {
  execFileSync("nasm", ["-f", "bin", "-o", path, join(import.meta.dirname, "counter.asm")]);
  truncateSync(path, DEMO_DISK_BYTES);
}

/**
 * How many numbers a log of the counter has, from its first on and without one left out or repeated; what firmware wrote before,
 * and a number that is not complete at the end, do not count.
 * @throws an error that names the first number that is not what it should be.
 */
export function countNumbers(log: string): number {
  const start = log.indexOf("00000000\n");
  if (start < 0) throw new Error("the counter has not begun");
  const numbers = log.slice(start).split("\n").slice(0, -1);
  const wrong = numbers.findIndex((number, at) => number !== at.toString(16).padStart(8, "0"));
  if (wrong >= 0) throw new Error(`number ${wrong} of ${numbers.length} is ${JSON.stringify(numbers[wrong])}`);
  return numbers.length;
}
