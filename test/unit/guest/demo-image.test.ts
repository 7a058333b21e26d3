import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_BANNER, DEMO_DISK_BYTES, demoImage } from "../../../src/guest/demo-image.ts";

const nasm = Bun.which("nasm");

test.skipIf(nasm === null)(
  "the demo image is what nasm makes of demo.asm (skipped where nasm is missing: apt install nasm)",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "paddock-test-"));
    try {
      const output = join(directory, "demo.img");
      const source = join(import.meta.dir, "../../../src/guest/demo.asm");
      execFileSync("nasm", ["-f", "bin", "-o", output, source]);
      expect(Buffer.from(demoImage()).equals(readFileSync(output))).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test("the demo image is a boot sector and a data sector, and holds its banner", () => {
  const image = Buffer.from(demoImage());
  expect(image.length).toBe(1024);
  expect(image.readUInt16LE(510)).toBe(0xaa55);
  expect(image.includes(DEMO_BANNER)).toBe(true);
  expect(DEMO_DISK_BYTES % 512).toBe(0);
});

test("each call gives an image of its own", () => {
  demoImage().fill(0);
  expect(demoImage()[0]).not.toBe(0);
});
