import { beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { type LogQuery, readTaskLog } from "../../../src/logs/read.ts";
import { stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { copyAndTruncate } from "../../../src/supervisor/rotate.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const dir = tempPerTest();
let dirs: TaskDirs;
let log: string;
beforeEach(() => {
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  log = stdoutLog(dirs, "vm");
});

const query = (more: Partial<LogQuery> = {}): LogQuery => ({
  type: "stdout",
  follow: false,
  origin: "start",
  offset: 0,
  signal: new AbortController().signal,
  ...more,
});

async function readAll(more: Partial<LogQuery>, isOver = () => true): Promise<string> {
  let text = "";
  for await (const chunk of readTaskLog(dirs, "vm", query(more), isOver)) text += Buffer.from(chunk.data).toString();
  return text;
}

describe("reading a log", () => {
  test("gives all of it in pieces with their offsets", async () => {
    writeFileSync(log, Buffer.alloc(150_000, "x"));
    const chunks = [];
    for await (const chunk of readTaskLog(dirs, "vm", query(), () => true)) chunks.push(chunk);
    expect(chunks.map(({ offset, data }) => [offset, data.length])).toEqual([
      [0, 65536],
      [65536, 65536],
      [131072, 18928],
    ]);
    expect(chunks[0]?.file).toBe("alloc/logs/vm.stdout.0");
  });

  test("counts an offset from either end", async () => {
    writeFileSync(log, "0123456789");
    expect(await readAll({ offset: 4 })).toBe("456789");
    expect(await readAll({ origin: "end", offset: 3 })).toBe("789");
    expect(await readAll({ origin: "end", offset: 99 })).toBe("0123456789");
    expect(await readAll({ offset: 99 })).toBe("");
  });

  test("follows it until the task is over, also when it was not there yet", async () => {
    let over = false;
    const reading = readAll({ follow: true }, () => over);
    writeFileSync(log, "one ");
    appendFileSync(log, "two ");
    over = true;
    appendFileSync(log, "three");
    expect(await reading).toBe("one two three");
  });

  test("goes on when it was cut behind its back", async () => {
    writeFileSync(log, "before the cut");
    let over = false;
    let text = "";
    for await (const chunk of readTaskLog(dirs, "vm", query({ follow: true }), () => over)) {
      text += Buffer.from(chunk.data).toString();
      if (text === "before the cut") {
        truncateSync(log, 0);
        appendFileSync(log, "after");
      } else over = true;
    }
    expect(text).toBe("before the cutafter");
  });

  test("lets everything else go on while it follows a guest that never stops writing", async () => {
    writeFileSync(log, "x");
    const abort = new AbortController();
    let chunks = 0;
    const aborting = until("some chunks", () => chunks > 1, { every: 1 }).then(() => abort.abort());
    for await (const _ of readTaskLog(dirs, "vm", query({ follow: true, signal: abort.signal }), () => false)) {
      chunks++;
      // As fast as it is read, there is more: without a turn for others nobody would look.
      if (!abort.signal.aborted) appendFileSync(log, "x");
      if (chunks > 1_000_000) throw new Error("nothing else went on");
    }
    await aborting;
    expect(chunks).toBeGreaterThan(1);
  });

  test("ends when the reader goes away", async () => {
    writeFileSync(log, "x");
    const abort = new AbortController();
    const reading = readAll({ follow: true, signal: abort.signal }, () => false);
    abort.abort();
    expect(await reading).toBe("x");
  });

  test("goes over all files in order, each named as it is, and passes over what is no regular file", async () => {
    const file = (index: number) => stdoutLog(dirs, "vm", index);
    writeFileSync(file(2), "two ");
    writeFileSync(file(10), "ten ");
    writeFileSync(file(11), "");
    symlinkSync("/etc/passwd", file(3));
    mkdirSync(file(4));
    execFileSync("mkfifo", [file(5)]);
    writeFileSync(file(999_999_999), "last");
    writeFileSync(`${file(0)}000000000`, "none of ours");
    const chunks = [];
    for await (const chunk of readTaskLog(dirs, "vm", query(), () => true)) chunks.push(chunk);
    expect(chunks.map((chunk) => [chunk.file, chunk.offset, Buffer.from(chunk.data).toString()])).toEqual([
      ["alloc/logs/vm.stdout.2", 0, "two "],
      ["alloc/logs/vm.stdout.10", 0, "ten "],
      ["alloc/logs/vm.stdout.999999999", 0, "last"],
    ]);
  });

  test("counts an offset over all files, or from the start of the one that is named", async () => {
    writeFileSync(stdoutLog(dirs, "vm", 3), "0123");
    writeFileSync(stdoutLog(dirs, "vm", 4), "4567");
    writeFileSync(stdoutLog(dirs, "vm", 5), "89");
    expect(await readAll({ offset: 5 })).toBe("56789");
    expect(await readAll({ offset: 4 })).toBe("456789");
    expect(await readAll({ origin: "end", offset: 3 })).toBe("789");
    expect(await readAll({ origin: "end", offset: 0 })).toBe("");
    expect(await readAll({ file: "alloc/logs/vm.stdout.4", offset: 1 })).toBe("56789");
    expect(await readAll({ file: "alloc/logs/vm.stdout.5", offset: 2 })).toBe("");
    expect(await readAll({ file: "alloc/logs/vm.stdout.1", offset: 3 })).toBe("0123456789");
    expect(await readAll({ file: "alloc/logs/vm.stdout.6", offset: 3 })).toBe("");
    await expect(readAll({ file: "../../etc/passwd" })).rejects.toThrow("expected a file of the stdout log");
  });

  /** Follows, and does something after each piece; ends after the last. */
  async function followWith(...steps: (() => void)[]): Promise<string> {
    let text = "";
    let over = false;
    for await (const { data } of readTaskLog(dirs, "vm", query({ follow: true }), () => over)) {
      text += Buffer.from(data).toString();
      steps.shift()?.();
      over = steps.length === 0;
    }
    return text;
  }

  test("follows over a rotation: what still came into the old file is read first, an empty next file changes nothing", async () => {
    writeFileSync(log, "one ");
    const text = followWith(
      () => {
        writeFileSync(stdoutLog(dirs, "vm", 1), "");
        appendFileSync(log, "two ");
      },
      () => {
        appendFileSync(log, "three ");
        writeFileSync(stdoutLog(dirs, "vm", 1), "four ");
      },
      () => undefined,
      () => appendFileSync(stdoutLog(dirs, "vm", 1), "five"),
      () => undefined,
    );
    expect(await text).toBe("one two three four five");
  });

  test("stays with a file whose next one is empty, as after a rotation that failed", async () => {
    writeFileSync(log, "one ");
    writeFileSync(stdoutLog(dirs, "vm", 1), "");
    const text = followWith(
      () => void setImmediate(() => appendFileSync(log, "two")),
      () => undefined,
    );
    expect(await text).toBe("one two");
  });

  test("reads an open file to its end although it was removed, and passes over one that was removed before", async () => {
    writeFileSync(log, "one ");
    const text = followWith(
      () => {
        appendFileSync(log, "two ");
        rmSync(log);
        writeFileSync(stdoutLog(dirs, "vm", 2), "later");
      },
      () => undefined,
      () => undefined,
    );
    expect(await text).toBe("one two later");
  });

  test("follows a log that was copied and emptied without losing or repeating a byte", async () => {
    writeFileSync(log, "one ");
    const text = followWith(
      () => {
        appendFileSync(log, "two ");
        copyAndTruncate(
          { dirs, task: "vm", type: "stdout", limits: { maxFiles: 9, maxBytes: 1 << 20 }, user: null },
          0,
        );
        appendFileSync(stdoutLog(dirs, "vm", 1), "three");
      },
      () => undefined,
      () => undefined,
    );
    expect(await text).toBe("one two three");
  });

  test("refuses a link that a hostile machine put in its place", async () => {
    symlinkSync("/etc/passwd", log);
    await expect(readAll({})).rejects.toThrow("symbolic link");
  });

  test("says that there is none yet", async () => {
    await expect(readAll({})).rejects.toThrow("there is no stdout log yet");
  });
});
