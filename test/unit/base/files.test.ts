import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

describe("a new file where something has its name", () => {
  /** What was written to the file of that name, and whether it is the one that was there. */
  const write = (): { content: string; same: boolean } => {
    const before = lstatSync(dir.file("f")).ino;
    writeNew(dir.file("f"), "ours");
    const { ino } = lstatSync(dir.file("f"));
    return { content: readFileSync(dir.file("f"), "utf8"), same: ino === before };
  };
  const ready = (mode = 0o600): void => {
    writeFileSync(dir.file("f"), "");
    chmodSync(dir.file("f"), mode);
  };

  test("is that one when it lies ready", () => {
    ready();
    expect(write()).toEqual({ content: "ours", same: true });
  });
  test("is another one when there is something in it, and whoever has it open reads nothing of ours", () => {
    ready();
    writeFileSync(dir.file("f"), "old");
    const fd = openSync(dir.file("f"), "r");
    expect(write().content).toBe("ours");
    expect(readFileSync(fd, "utf8")).toBe("old");
    closeSync(fd);
  });
  test("is another one when others may read it", () => {
    ready(0o644);
    write();
    expect(statSync(dir.file("f")).mode & 0o777).toBe(0o600);
  });
  test("is another one when it has a second name", () => {
    ready();
    linkSync(dir.file("f"), dir.file("other"));
    expect(write().content).toBe("ours");
    expect(readFileSync(dir.file("other"), "utf8")).toBe("");
  });
  test.if(process.getuid?.() === 0)("is another one when it is somebody else's", () => {
    ready();
    chownSync(dir.file("f"), 12345, 12345);
    expect(write().content).toBe("ours");
    expect(statSync(dir.file("f")).uid).toBe(0);
  });
  test("does not go through a link to one that lies ready", () => {
    ready();
    renameSync(dir.file("f"), dir.file("victim"));
    symlinkSync(dir.file("victim"), dir.file("f"));
    expect(write().content).toBe("ours");
    expect(readFileSync(dir.file("victim"), "utf8")).toBe("");
  });
  test("waits for no reader of a FIFO, writes to none, and removes a directory", async () => {
    await execProgram(["mkfifo", "-m", "600", dir.file("f")], 5000);
    expect(write().content).toBe("ours");
    rmSync(dir.file("f"));
    await execProgram(["mkfifo", "-m", "600", dir.file("f")], 5000);
    const reader = openSync(dir.file("f"), constants.O_RDWR);
    writeNew(dir.file("f"), "ours");
    closeSync(reader);
    expect(lstatSync(dir.file("f")).isFile()).toBe(true);
    rmSync(dir.file("f"));
    mkdirSync(dir.file("f", "deep"), { recursive: true });
    expect(write().content).toBe("ours");
  });
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
