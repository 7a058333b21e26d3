import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { execProgram } from "../../../src/base/exec.ts";
import { readBeginning, readUntrusted, writeNew } from "../../../src/base/files.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

describe("reading a file of somebody hostile", () => {
  test("gives at most what was asked for, from an offset", () => {
    writeFileSync(dir.file("f"), "0123456789");
    expect(readUntrusted(dir.file("f"), 4)?.toString()).toBe("0123");
    expect(readUntrusted(dir.file("f"), 4, 8)?.toString()).toBe("89");
    expect(readUntrusted(dir.file("f"), 4, 80)?.toString()).toBe("");
  });
  test("is undefined when there is none", () => expect(readUntrusted(dir.file("none"))).toBeUndefined());
  test("refuses a symbolic link", () => {
    symlinkSync("/etc/passwd", dir.file("link"));
    expect(() => readUntrusted(dir.file("link"))).toThrow("ELOOP");
  });
  test("refuses a FIFO without waiting for its writer", async () => {
    await execProgram(["mkfifo", dir.file("fifo")], 5000);
    expect(() => readUntrusted(dir.file("fifo"))).toThrow("not a regular file");
  });
});

test("a new file replaces the whole file and leaves no other", () => {
  writeNew(dir.file("f"), "old", 0o640);
  writeNew(dir.file("f"), "new", 0o640);
  expect(readFileSync(dir.file("f"), "utf8")).toBe("new");
  expect(statSync(dir.file("f")).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir.path)).toEqual(["f"]);
});

test("a new file does not go through a link that was planted in its way", () => {
  writeFileSync(dir.file("victim"), "safe");
  symlinkSync(dir.file("victim"), dir.file("f"));
  writeNew(dir.file("f"), "ours");
  expect(readFileSync(dir.file("victim"), "utf8")).toBe("safe");
  expect(readUntrusted(dir.file("f"))?.toString()).toBe("ours");
});

describe("reading the beginning of a file", () => {
  test("gives all of one that fits", () => {
    writeFileSync(dir.file("f"), "0123456789");
    expect(readBeginning(dir.file("f"), 10).toString()).toBe("0123456789");
  });
  test("gives one byte more than fits of an endless one", () => {
    expect(readBeginning("/dev/zero", 200_000).length).toBe(200_001);
  });
});
