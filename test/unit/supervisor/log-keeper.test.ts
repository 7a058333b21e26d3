import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { silentLog } from "../../../src/base/log.ts";
import { stderrLog, stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { type LoggingMachine, LogKeeper } from "../../../src/supervisor/log-keeper.ts";
import { placeOf } from "../../../src/supervisor/machine-place.ts";
import { type ManualClock, manualClock } from "../../helpers/manual-clock.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const dir = tempPerTest();
const MOST = 1000;
/** No wait until a look is longer, in milliseconds. */
const BEAT = 3_100;

let dirs: TaskDirs;
let clock: ManualClock;
let keeper: LogKeeper;

beforeEach(() => {
  const agent = { dataDir: dir.path, runDir: dir.path };
  dirs = taskDirs(agent, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  for (const path of [stdoutLog(dirs, "vm"), stderrLog(dirs, "vm")]) writeFileSync(path, "");
  clock = manualClock();
  // A process that writes none of the logs: the newest file of each is taken for the one that is written.
  const identity = { bootId: "b", pid: process.pid, startTime: 1 };
  const allocation = { id: "a1", tasks: {} } as unknown as LoggingMachine["allocation"];
  const machine = { generation: 1, identity, startedAt: clock.now(), adopted: false } as LoggingMachine["machine"];
  const place = placeOf(agent, allocation, "vm", 1);
  const watch = {} as LoggingMachine["watch"];
  keeper = new LogKeeper(
    {
      store: { lastLaunch: () => undefined },
      clock,
      log: silentLog,
      logLimitsOf: () => ({ maxFiles: 5, maxBytes: MOST }),
    },
    () => [{ allocation, machine, place, watch, report: () => undefined }],
  );
});
afterEach(() => keeper.close());

const grow = (bytes: number): void => appendFileSync(stdoutLog(dirs, "vm"), "x".repeat(bytes));
const isRotated = (): boolean => readdirSync(dirs.logs).includes("vm.stdout.1");

test("a serial log that is far from its limit is looked at every second time", async () => {
  grow(10);
  keeper.begin();
  grow(MOST);
  clock.advance(BEAT);
  // What is due is done at once, but for the files of it.
  await Promise.resolve();
  expect(isRotated()).toBe(false);
  clock.advance(BEAT);
  await until("the log to go on in another file", isRotated);
});

test("a serial log that grows toward its limit is looked at every time", async () => {
  keeper.begin();
  grow(MOST / 5);
  clock.advance(BEAT);
  clock.advance(BEAT);
  grow(MOST);
  clock.advance(BEAT);
  await until("the log to go on in another file", isRotated);
});

test("a serial log that grows on as fast in its next file is looked at every time", async () => {
  keeper.begin();
  clock.advance(BEAT);
  grow(2 * MOST);
  clock.advance(BEAT);
  await until("the log to go on in another file", isRotated);
  appendFileSync(stdoutLog(dirs, "vm", 1), "x".repeat(MOST / 2));
  clock.advance(BEAT);
  appendFileSync(stdoutLog(dirs, "vm", 1), "x".repeat(MOST));
  clock.advance(BEAT);
  await until("the log to go on in a third file", () => readdirSync(dirs.logs).includes("vm.stdout.2"));
});

test("a serial log that is looked at because somebody asks is looked at", async () => {
  grow(10);
  keeper.begin();
  grow(MOST);
  await keeper.look();
  expect(isRotated()).toBe(true);
});
