import { beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { readLogByTime, type TimedLogQuery } from "../../../src/logs/by-time.ts";
import { appendTimes } from "../../../src/logs/moments.ts";
import { logTimes, stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let dirs: TaskDirs;
let over: boolean;
beforeEach(() => {
  over = true;
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  for (const path of [dirs.logs, dirs.machine]) mkdirSync(path, { recursive: true });
});

/** Seconds of the tests' clock. */
const CREATED = 1_000;
const NOW = 9_000;

function file(index: number, text: string, modified: number): void {
  writeFileSync(stdoutLog(dirs, "vm", index), text);
  utimesSync(stdoutLog(dirs, "vm", index), modified, modified);
}

const keep = (...times: [at: number, index: number, offset: number][]) =>
  appendTimes(
    logTimes(dirs, "vm", "stdout"),
    times.map(([at, index, offset]) => ({ at: at * 1_000, index, offset })),
  );

async function* pieces(more: Partial<TimedLogQuery> = {}) {
  const query: TimedLogQuery = {
    type: "stdout",
    follow: false,
    origin: "start",
    offset: 0,
    signal: new AbortController().signal,
    ...more,
  };
  const owner = { createTime: CREATED * 1_000, isOver: () => over, flush: () => undefined, now: () => NOW * 1_000 };
  const log = { dirs, task: "vm", type: "stdout" } as const;
  for await (const { data, time, inferred } of readLogByTime(log, query, owner)) {
    const mark = time === undefined ? "" : `${inferred ? "~" : ""}${time / 1_000}:`;
    yield `${mark}${Buffer.from(data).toString()}`;
  }
}

const read = (more: Partial<TimedLogQuery> = {}) => Array.fromAsync(pieces(more));
const text = async (since?: number, until?: number) =>
  (await read({ since: since && since * 1_000, until: until && until * 1_000 })).join("");

describe("a log of which it was kept when it was written", () => {
  beforeEach(() => {
    file(0, "aaabbb", 2_003);
    file(1, "cccdddeee", 5_001);
    keep([2_000, 0, 3], [2_003, 0, 6], [2_006, 1, 3], [5_000, 1, 3], [5_001, 1, 9]);
  });

  test("says it piece by piece, over its files", async () => {
    expect(await read({ timestamps: true })).toEqual(["~2000:aaa", "2003:bbb", "2006:ccc", "5001:dddeee"]);
  });

  test("is found since a time, from the last place that was surely written before", async () => {
    expect(await text(1_500)).toBe("aaabbbcccdddeee");
    expect(await text(2_000)).toBe("bbbcccdddeee");
    expect(await text(2_004)).toBe("cccdddeee");
    expect(await text(3_000)).toBe("dddeee");
    expect(await text(5_001)).toBe("");
    expect(await text(8_000)).toBe("");
  });

  test("is found until a time, up to the first place that was surely written behind", async () => {
    expect(await text(undefined, 9_000)).toBe("aaabbbcccdddeee");
    expect(await text(undefined, 5_001)).toBe("aaabbbcccdddeee");
    expect(await text(undefined, 4_000)).toBe("aaabbbccc");
    expect(await text(undefined, 2_001)).toBe("aaabbb");
    expect(await text(undefined, 1_500)).toBe("aaa");
  });

  test("is found between two times, and nothing is when they are the wrong way round", async () => {
    expect(await text(2_003, 2_006)).toBe("ccc");
    expect(await text(2_004, 2_005)).toBe("ccc");
    expect(await text(5_000, 2_000)).toBe("");
  });

  test("has what was written behind the last look, and says that it was just now while somebody looks", async () => {
    appendFileSync(stdoutLog(dirs, "vm", 1), "new");
    utimesSync(stdoutLog(dirs, "vm", 1), 8_999, 8_999);
    expect((await read({ timestamps: true })).at(-1)).toBe("~8999:new");
    over = false;
    expect((await read({ timestamps: true })).at(-1)).toBe("8999:new");
    expect(await text(6_000)).toBe("new");
  });

  test("is followed with the time of now", async () => {
    over = false;
    const abort = new AbortController();
    const got: string[] = [];
    for await (const piece of pieces({ timestamps: true, follow: true, since: 5_000_000, signal: abort.signal })) {
      got.push(piece);
      if (got.length === 1) appendFileSync(stdoutLog(dirs, "vm", 1), "live");
      else abort.abort();
    }
    expect(got).toEqual(["5001:dddeee", "9000:live"]);
  });

  test("is the whole log for whoever does not ask by time", async () => {
    expect(await read()).toEqual(["aaabbb", "cccdddeee"]);
  });
});

test("a time that nobody looked at for long before is inferred", async () => {
  file(0, "aaabbb", 3_000);
  keep([1_001, 0, 3], [3_000, 0, 6]);
  expect(await read({ timestamps: true })).toEqual(["1001:aaa", "~3000:bbb"]);
});

test("a log of which nothing was kept has the times of its files", async () => {
  file(3, "old", 2_000);
  file(4, "new", 3_000);
  expect(await read({ timestamps: true })).toEqual(["~2000:old", "~3000:new"]);
  expect(await text(2_500)).toBe("new");
  expect(await text(undefined, 1_500)).toBe("old");
});

test("a clock that was set back loses nothing that was written since a time", async () => {
  file(0, "aaabbbccc", 500);
  keep([5_000, 0, 3], [4_000, 0, 6], [4_003, 0, 9]);
  expect(await text(4_001)).toBe("aaabbbccc");
  expect(await text(undefined, 4_001)).toBe("aaabbbccc");
});

test("a removed file's times, and times behind the log's end, change nothing", async () => {
  file(5, "five", 3_000);
  keep([2_000, 2, 100], [2_500, 5, 2], [4_000, 9, 7]);
  expect(await text(1_500)).toBe("five");
  expect(await text(2_500)).toBe("ve");
  expect((await read({ timestamps: true })).map((piece) => piece.replace(/.*:/, ""))).toEqual(["fi", "ve"]);
});

test("what was written since a time begins with the line that was written then", async () => {
  file(0, "one\nlogin: root\nbye\n", 2_006);
  keep([2_000, 0, 11], [2_003, 0, 16], [2_006, 0, 20]);
  expect(await text(2_001)).toBe("login: root\nbye\n");
  expect(await text(2_004)).toBe("bye\n");
});
