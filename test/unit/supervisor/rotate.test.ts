import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { silentLog } from "../../../src/base/log.ts";
import { newestIndex, openLogIndex } from "../../../src/logs/files.ts";
import {
  isNextSerialSocketName,
  machineSockets,
  nextSerialSocket,
  readLogIndex,
  taskDirs,
} from "../../../src/paths.ts";
import {
  copyAndTruncate,
  type LogOf,
  makeNextLog,
  nameSerialSocket,
  planTidying,
  tidyLog,
} from "../../../src/supervisor/rotate.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";

let root: TempDir;
let log: LogOf;
beforeEach(() => {
  root = tempDir();
  const dirs = taskDirs({ dataDir: root.path, runDir: root.path }, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  log = { dirs, task: "vm", type: "stdout", limits: { maxFiles: 3, maxBytes: 10 }, user: null };
});
afterEach(() => root[Symbol.asyncDispose]());

const path = (index: number | string) => `${log.dirs.logs}/vm.stdout.${index}`;
const write = (index: number | string, text: string) => writeFileSync(path(index), text);
const read = (index: number) => readFileSync(path(index), "utf8");
const names = () => readdirSync(log.dirs.logs).sort();

describe("what goes of a log's closed files", () => {
  const closed = (...sizes: number[]) => sizes.map((size, index) => ({ index, size }));
  test.each([
    ["nothing while they are few", closed(10, 10), []],
    ["the oldest beyond max_files, of which the one that is written is one", closed(10, 10, 10, 10), [0, 1]],
    ["more of them when together they have too much", closed(1, 25, 12), [0, 1]],
    ["none for the size of the newest alone", closed(5, 30), [0]],
  ])("%s", (_, files, remove) => {
    expect(planTidying(files, { maxFiles: 3, maxBytes: 10 })).toEqual({ remove, cut: null });
  });

  test("all of them where a job allows one file", () => {
    expect(planTidying(closed(1, 2), { maxFiles: 1, maxBytes: 10 })).toEqual({ remove: [0, 1], cut: null });
  });

  test("the beginning of a newest one that alone has more than all may have; older ones stay where there is room", () => {
    expect(planTidying(closed(10, 31), { maxFiles: 3, maxBytes: 10 })).toEqual({ remove: [], cut: 1 });
    expect(planTidying(closed(21, 31), { maxFiles: 3, maxBytes: 10 })).toEqual({ remove: [0], cut: 1 });
  });

  test("is removed on disk, the written file and those of other logs are not", () => {
    for (const index of [0, 1, 2, 3, 4]) write(index, "x");
    writeFileSync(`${log.dirs.logs}/vm.stderr.0`, "y");
    writeFileSync(`${log.dirs.logs}/vm.stdout.0.stdout.0`, "z");
    expect(tidyLog(log, 4, true)).toBe(0);
    expect(names()).toEqual(["vm.stderr.0", "vm.stdout.0.stdout.0", "vm.stdout.2", "vm.stdout.3", "vm.stdout.4"]);
  });

  test("is cut to its last max_file_size bytes only when nobody can be reading it", () => {
    write(0, `${"a".repeat(25)}0123456789`);
    write(1, "");
    expect(tidyLog(log, 1, false)).toBe(0);
    expect(read(0)).toHaveLength(35);
    expect(tidyLog(log, 1, true)).toBe(25);
    expect(read(0)).toBe("0123456789");
    expect(names()).toEqual(["vm.stdout.0", "vm.stdout.1"]);
  });
});

describe("the next file", () => {
  test("is made behind the one that is written, in place of what a hostile machine put there", () => {
    write(0, "x");
    write(999_999_999, "planted");
    symlinkSync("/etc/passwd", path(1));
    execFileSync("mkfifo", [path(2)]);
    const before = readFileSync("/etc/passwd", "utf8");
    expect(makeNextLog(log, 0)).toBe(1);
    expect(names()).toEqual(["vm.stdout.0", "vm.stdout.1"]);
    expect(read(1)).toBe("");
    expect(readFileSync("/etc/passwd", "utf8")).toBe(before);
  });

  test("passes over a directory, and gives up where every name is taken", () => {
    write(0, "x");
    mkdirSync(path(1));
    expect(makeNextLog(log, 0)).toBe(2);
    for (let index = 3; index < 19; index++) mkdirSync(path(index));
    expect(() => makeNextLog(log, 2)).toThrow("no file behind vm.stdout.2 can be made");
    expect(() => makeNextLog(log, 999_999_999)).toThrow("no file behind");
  });

  test("is found among hundreds of strange names", () => {
    for (let index = 0; index < 500; index++) write(`99999${index}9999999`, "");
    write(7, "x");
    mkdirSync(path(8));
    symlinkSync("/etc/passwd", path(9));
    expect(newestIndex(log.dirs, "vm", "stdout")).toBe(7);
    expect(makeNextLog(log, 7)).toBe(9);
  });

  test("of a name that is none of ours is never thought of", () => {
    const indexOf = (name: string) => readLogIndex(name, "vm", "stdout");
    expect([indexOf("vm.stdout.0"), indexOf("vm.stdout.42")]).toEqual([0, 42]);
    for (const name of ["vm.stdout.", "vm.stdout.00", "vm.stdout.-1", "vm.stdout.1e3", "vm.stdout.1000000000"]) {
      expect(indexOf(name)).toBeUndefined();
    }
    expect(indexOf("vm.stdout.0.new")).toBeUndefined();
    expect(indexOf("other.stdout.0")).toBeUndefined();
  });
});

describe("a log that a process holds open", () => {
  test("begins anew behind what it had, and the process goes on in the newest file", () => {
    const fd = openSync(path(4), "a");
    writeSync(fd, "before");
    expect(copyAndTruncate(log, 4)).toEqual({ active: 5, cut: 0 });
    writeSync(fd, "after");
    closeSync(fd);
    expect([read(4), read(5)]).toEqual(["before", "after"]);
    expect(names()).toEqual(["vm.stdout.4", "vm.stdout.5"]);
  });

  test("keeps its end when it is far too long", () => {
    write(0, `${"a".repeat(30)}0123456789`);
    expect(copyAndTruncate(log, 0)).toEqual({ active: 1, cut: 30 });
    expect([read(0), read(1)]).toEqual(["0123456789", ""]);
  });

  test("is found by the process's descriptors, not by the names that are there", () => {
    write(2, "");
    write(3, "planted");
    const fd = openSync(path(2), "a");
    const index = (counts: (descriptor: number) => boolean) => openLogIndex(process.pid, log, "stdout", counts);
    expect(index((descriptor) => descriptor === fd)).toBe(2);
    expect(index((descriptor) => descriptor !== fd)).toBeUndefined();
    closeSync(fd);
    expect(openLogIndex(2 ** 22 + 1, log, "stdout", () => true)).toBeUndefined();
  });

  test("is refused where a link stands in its place", () => {
    const other = root.file("other");
    writeFileSync(other, "precious");
    symlinkSync(other, path(0));
    expect(() => copyAndTruncate(log, 0)).toThrow();
    appendFileSync(other, "!");
    expect(readFileSync(other, "utf8")).toBe("precious!");
  });
});

test("the serial port's next socket never has the name before, is no longer than the first, and takes the known name", () => {
  const sockets = machineSockets({ dataDir: "/d", runDir: root.path }, "0a1b2c3d-0000-4000-8000-000000000000", "vm");
  expect(nextSerialSocket(sockets, 999).length).toBeLessThanOrEqual(sockets.serial.length);
  expect(nextSerialSocket(sockets, 1000)).not.toBe(nextSerialSocket(sockets, 999));
  mkdirSync(sockets.dir);
  writeFileSync(sockets.serial, "old");
  writeFileSync(nextSerialSocket(sockets, 7), "new");
  nameSerialSocket(sockets, silentLog);
  expect(readdirSync(sockets.dir)).toEqual(["serial.sock"]);
  expect(readFileSync(sockets.serial, "utf8")).toBe("new");
  expect(isNextSerialSocketName("serial.sock")).toBe(false);
});
