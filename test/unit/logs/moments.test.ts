import { beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createLog } from "../../../src/base/log.ts";
import {
  appendTimes,
  changeTimes,
  decodeTimes,
  encodeTimes,
  forgetFiles,
  type LogTime,
  MOST_TIMES,
  readTimes,
  shiftFile,
  thinTimes,
  timesOfLook,
} from "../../../src/logs/moments.ts";
import { logTimes, stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { LogClock } from "../../../src/supervisor/log-clock.ts";
import { type ManualClock, manualClock } from "../../helpers/manual-clock.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let dirs: TaskDirs;
let path: string;
beforeEach(() => {
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  mkdirSync(dirs.machine, { recursive: true });
  path = logTimes(dirs, "vm", "stdout");
});

const time = (at: number, index: number, offset: number): LogTime => ({ at, index, offset });

describe("the moments of a log", () => {
  const times = [time(1_000, 0, 5), time(2_000, 0, 9), time(Date.UTC(2900, 0, 1), 999_999_999, 2 ** 47)];

  test("are read as they were written, in 16 bytes each, and added to", () => {
    appendTimes(path, times.slice(0, 2));
    appendTimes(path, times.slice(2));
    expect(statSync(path).size).toBe(48);
    expect(readTimes(path)).toEqual(times);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("are there again after a record that a crash cut", () => {
    appendTimes(path, times.slice(0, 1));
    appendFileSync(path, "torn");
    expect(readTimes(path)).toEqual(times.slice(0, 1));
    appendTimes(path, times.slice(1, 2));
    expect(readTimes(path)).toEqual(times.slice(0, 2));
  });

  test("are those in order, whatever somebody wrote among them", () => {
    const forged = [time(5, 3, 3), time(9, 2, 9), time(6, 3, 3), time(1, 0, 0), time(7, 4, 0)];
    expect(decodeTimes(encodeTimes(forged))).toEqual([time(5, 3, 3), time(6, 3, 3), time(7, 4, 0)]);
    expect(() => decodeTimes(Buffer.alloc(1 << 16, 0xff))).not.toThrow();
  });

  for (const [what, make] of [
    ["nothing", () => undefined],
    ["an empty file", () => writeFileSync(path, "")],
    ["a link", () => symlinkSync("/etc/passwd", path)],
    ["a FIFO", () => execFileSync("mkfifo", [path])],
    ["a directory", () => mkdirSync(path)],
  ] as const) {
    test(`are unknown where there is ${what}`, () => {
      make();
      expect(readTimes(path)).toBeNull();
    });
  }

  test("are never written through a link", () => {
    writeFileSync(dir.file("victim"), "precious");
    symlinkSync(dir.file("victim"), path);
    expect(() => appendTimes(path, times)).toThrow();
    expect(readFileSync(dir.file("victim"), "utf8")).toBe("precious");
  });

  test("are never more than some: the older ones become fewer, the newest stay", () => {
    const many = Array.from({ length: MOST_TIMES }, (_, number) => time(number, 0, number));
    appendTimes(path, many);
    expect(readTimes(path)).toHaveLength(MOST_TIMES);
    appendTimes(path, [time(MOST_TIMES, 0, MOST_TIMES)]);
    const left = readTimes(path) ?? [];
    expect(left.length).toBeLessThan(MOST_TIMES * 0.7);
    expect(left[0]).toEqual(time(0, 0, 0));
    expect(left.slice(-1_000)).toEqual([...many.slice(-999), time(MOST_TIMES, 0, MOST_TIMES)]);
    expect(thinTimes([])).toEqual([]);
  });

  test("follow their files: those of removed ones go but for the last, those of a cut one move", () => {
    const some = [time(1, 0, 9), time(2, 1, 4), time(3, 1, 9), time(4, 2, 5)];
    expect(forgetFiles(some, 2)).toEqual([time(3, 2, 0), time(4, 2, 5)]);
    expect(forgetFiles(some, 0)).toBe(some);
    expect(shiftFile(some, 1, 5)).toEqual([time(1, 0, 9), time(2, 1, 0), time(3, 1, 4), time(4, 2, 5)]);
    expect(shiftFile(some, 1, 0)).toBe(some);
    appendTimes(path, some);
    changeTimes(path, (all) => forgetFiles(all, 2));
    expect(readTimes(path)).toHaveLength(2);
  });
});

describe("a look at a log", () => {
  const looked = { now: 100_000, index: 0, size: 50, modified: 99_000 };

  test("adds when the file was written last", () => {
    expect(timesOfLook(looked, null, 97_000, 3_000)).toEqual([time(97_000, 0, 0), time(99_000, 0, 50)]);
    expect(timesOfLook(looked, time(96_500, 0, 40), 97_000, 3_000)).toEqual([time(99_000, 0, 50)]);
  });

  test("that found nothing new adds nothing", () => {
    expect(timesOfLook(looked, time(1, 0, 50), 97_000, 3_000)).toEqual([]);
    expect(timesOfLook({ ...looked, size: 0 }, null, 97_000, 3_000)).toEqual([]);
  });

  test("behind a silence adds when the silence ended", () => {
    expect(timesOfLook(looked, time(5_000, 0, 40), 97_000, 3_000)).toEqual([time(97_000, 0, 40), time(99_000, 0, 50)]);
  });

  test("of an agent that was away does not say what nobody knows", () => {
    expect(timesOfLook(looked, time(5_000, 0, 40), null, 3_000)).toEqual([time(99_000, 0, 50)]);
  });

  for (const modified of [0, 96_999, 100_001, Number.NaN, 4e12]) {
    test(`takes now for a file that says ${modified} of itself`, () => {
      expect(timesOfLook({ ...looked, modified }, time(96_500, 0, 40), 97_000, 3_000)).toEqual([time(100_000, 0, 50)]);
    });
  }
});

describe("the clock of a log", () => {
  let clock: ManualClock;
  let lines: string[];
  const file = (index = 0) => stdoutLog(dirs, "vm", index);
  const write = (index: number, text: string) => {
    appendFileSync(file(index), text);
    utimesSync(file(index), clock.now() / 1_000, clock.now() / 1_000);
  };
  const make = (since: number | null) =>
    new LogClock({
      log: { dirs, task: "vm", type: "stdout" },
      since,
      every: 3_000,
      clock,
      warnings: createLog("debug", (line) => lines.push(line)),
    });

  beforeEach(() => {
    clock = manualClock(1_000_000);
    lines = [];
  });

  test("writes nothing for a log that does not grow, and one moment for each look at which it had", () => {
    const kept = make(clock.now());
    write(0, "boot");
    clock.advance(3_000);
    expect(kept.look(0)).toBe(4);
    kept.flush();
    expect(readTimes(path)).toEqual([time(1_000_000, 0, 0), time(1_000_000, 0, 4)]);
    for (let looks = 0; looks < 100; looks++) {
      clock.advance(3_000);
      kept.look(0);
      kept.flush();
    }
    expect(readTimes(path)).toHaveLength(2);
    write(0, "more");
    clock.advance(1_000);
    kept.look(0);
    kept.flush();
    expect(readTimes(path)?.slice(2)).toEqual([time(1_303_000, 0, 4), time(1_303_000, 0, 8)]);
    expect(kept.look(7)).toBeNull();
  });

  test("goes on over a rotation that removes files and one that cuts the closed file", () => {
    const kept = make(clock.now());
    for (let index = 0; index < 3; index++) {
      write(index, "0123456789");
      kept.look(index);
      clock.advance(3_000);
      kept.rotated(index, 0);
    }
    expect(readTimes(path)?.map(({ index }) => index)).toEqual([0, 0, 1, 2]);
    rmSync(file(0));
    writeFileSync(file(2), "6789");
    kept.rotated(2, 6);
    expect(readTimes(path)).toEqual([time(1_000_000, 1, 0), time(1_003_000, 1, 10), time(1_006_000, 2, 4)]);
  });

  test("of a later agent goes on behind what the one before kept", () => {
    write(0, "one");
    const [first, next] = [make(clock.now()), make(null)];
    first.look(0);
    first.flush();
    clock.advance(500_000);
    write(0, "two");
    clock.advance(60_000);
    next.look(0);
    next.flush();
    expect(readTimes(path)).toEqual([time(1_000_000, 0, 0), time(1_000_000, 0, 3), time(1_500_000, 0, 6)]);
  });

  test("writes moments together, ten at a time", () => {
    const kept = make(clock.now());
    const written = [];
    for (let looks = 0; looks < 12; looks++) {
      write(0, "x");
      kept.look(0);
      written.push(readTimes(path)?.length ?? 0);
      clock.advance(3_000);
    }
    expect(written).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 10, 10, 10, 10]);
  });

  test("that cannot be kept is said once, and keeps nothing else from going on", () => {
    symlinkSync("/etc/passwd", path);
    const kept = make(clock.now());
    for (let looks = 1; looks < 4; looks++) {
      write(0, "x");
      expect(kept.look(0)).toBe(looks);
      kept.flush();
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("when a log was written cannot be kept");
  });
});
