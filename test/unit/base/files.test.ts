import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execProgram } from "../../../src/base/exec.ts";
import { readBeginning, readUntrusted, writeNew } from "../../../src/base/files.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "paddock-test-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("reading a file of somebody hostile", () => {
  test("gives at most what was asked for, from an offset", () => {
    writeFileSync(join(dir, "f"), "0123456789");
    expect(readUntrusted(join(dir, "f"), 4)?.toString()).toBe("0123");
    expect(readUntrusted(join(dir, "f"), 4, 8)?.toString()).toBe("89");
    expect(readUntrusted(join(dir, "f"), 4, 80)?.toString()).toBe("");
  });
  test("is undefined when there is none", () => expect(readUntrusted(join(dir, "none"))).toBeUndefined());
  test("refuses a symbolic link", () => {
    symlinkSync("/etc/passwd", join(dir, "link"));
    expect(() => readUntrusted(join(dir, "link"))).toThrow("ELOOP");
  });
  test("refuses a FIFO without waiting for its writer", async () => {
    await execProgram(["mkfifo", join(dir, "fifo")], 5000);
    expect(() => readUntrusted(join(dir, "fifo"))).toThrow("not a regular file");
  });
});

test("a new file replaces the whole file and leaves no other", () => {
  writeNew(join(dir, "f"), "old", 0o640);
  writeNew(join(dir, "f"), "new", 0o640);
  expect(readFileSync(join(dir, "f"), "utf8")).toBe("new");
  expect(statSync(join(dir, "f")).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir)).toEqual(["f"]);
});

test("a new file does not go through a link that was planted in its way", () => {
  writeFileSync(join(dir, "victim"), "safe");
  symlinkSync(join(dir, "victim"), join(dir, "f"));
  writeNew(join(dir, "f"), "ours");
  expect(readFileSync(join(dir, "victim"), "utf8")).toBe("safe");
  expect(readUntrusted(join(dir, "f"))?.toString()).toBe("ours");
});

describe("reading the beginning of a file", () => {
  test("gives all of one that fits", () => {
    writeFileSync(join(dir, "f"), "0123456789");
    expect(readBeginning(join(dir, "f"), 10).toString()).toBe("0123456789");
  });
  test("gives one byte more than fits of an endless one", () => {
    expect(readBeginning("/dev/zero", 200_000).length).toBe(200_001);
  });
});
