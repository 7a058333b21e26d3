import { execFileSync } from "node:child_process";
import { rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { DEMO_DISK_BYTES } from "../../src/guest/demo-image.ts";

/**
 * Assembles the guest that writes to its disk for ever and never hears its power button, as a qcow2 of which every cluster is
 * compressed: what is written needs a new one, so a full host disk stops it. Needs nasm.
 */
export function makeWriterDisk(path: string): void {
  const raw = `${path}.raw`;
  execFileSync("nasm", ["-f", "bin", "-o", raw, join(import.meta.dirname, "writer.asm")]);
  truncateSync(raw, DEMO_DISK_BYTES);
  execFileSync("qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", raw, path]);
  rmSync(raw);
}
