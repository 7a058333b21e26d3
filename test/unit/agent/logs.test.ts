import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogQuery, readTaskLog } from "../../../src/agent/logs.ts";
import { stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";

let root: string;
let dirs: TaskDirs;
let log: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "paddock-test-"));
  dirs = taskDirs({ dataDir: root, runDir: root }, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  log = stdoutLog(dirs, "vm");
});
afterEach(() => rmSync(root, { recursive: true }));

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

  test("ends when the reader goes away", async () => {
    writeFileSync(log, "x");
    const abort = new AbortController();
    const reading = readAll({ follow: true, signal: abort.signal }, () => false);
    abort.abort();
    expect(await reading).toBe("x");
  });

  test("refuses a link that a hostile machine put in its place", async () => {
    symlinkSync("/etc/passwd", log);
    await expect(readAll({})).rejects.toThrow("symbolic link");
  });

  test("says that there is none yet", async () => {
    await expect(readAll({})).rejects.toThrow("there is no stdout log yet");
  });
});
