import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createSpareDirectory, type SpareDirectory } from "../../../../src/agent/start/spare-directory.ts";
import { makeTaskDirectories, taskLayout } from "../../../../src/agent/start/task-directory.ts";
import { systemClock } from "../../../../src/base/clock.ts";
import { writeNew } from "../../../../src/base/files.ts";
import { createLog } from "../../../../src/base/log.ts";
import {
  type AgentDirs,
  machineFiles,
  SPARE_TASK,
  spareDirs,
  stderrLog,
  type TaskDirs,
  taskDirs,
} from "../../../../src/paths.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { tempDir } from "../../../helpers/temp.ts";
import { until } from "../../../helpers/until.ts";

let root: ReturnType<typeof tempDir>;
let dirs: AgentDirs;
let spare: SpareDirectory;
let lines: string[];

const begin = (): SpareDirectory =>
  createSpareDirectory({ dirs, clock: systemClock, log: createLog("debug", (line) => lines.push(line)) });

const isReady = (): boolean => existsSync(stderrLog(spareDirs(dirs), SPARE_TASK));

const layout = (of: TaskDirs): string[] =>
  taskLayout(of).map(({ path }) => `${path.slice(of.alloc.length)} ${(statSync(path).mode & 0o7777).toString(8)}`);

const wanted = (id: string, task = "vm"): TaskDirs => taskDirs(dirs, id, task);

beforeEach(() => {
  root = tempDir();
  dirs = { dataDir: join(root.path, "data"), runDir: root.path };
  mkdirSync(join(dirs.dataDir, "alloc"), { recursive: true });
  lines = [];
  spare = begin();
});

afterEach(async () => {
  spare.close();
  await root[Symbol.asyncDispose]();
});

async function takeWhenReady(to: TaskDirs): Promise<void> {
  await until("a directory to lie ready", () => spare.take(to));
}

describe("the directory that lies ready", () => {
  test("becomes the allocation's, as if it had been made for it", async () => {
    makeTaskDirectories(wanted("made"));
    await takeWhenReady(wanted("given"));
    expect(layout(wanted("given"))).toEqual(layout(wanted("made")));
    expect(readdirSync(wanted("given").alloc).toSorted()).toEqual(["alloc", "vm"]);
    expect(existsSync(spareDirs(dirs).alloc)).toBe(false);
  });

  test("has the files of a first start, empty and to be filled", async () => {
    await takeWhenReady(wanted("given", "db"));
    const { machine, logs, task } = wanted("given", "db");
    expect(readdirSync(machine).toSorted()).toEqual(["disk.json.next", "ev.1.in", "ev.1.out", "intent.1", "status.1"]);
    expect(readdirSync(logs).toSorted()).toEqual(["db.stderr.0", "db.stdout.0"]);
    expect(readdirSync(task).toSorted()).toEqual([".paddock", "local", "secrets", "tmp"]);
    const paths = [
      ...readdirSync(machine).map((name) => join(machine, name)),
      ...readdirSync(logs).map((name) => join(logs, name)),
    ];
    expect(paths.map((path) => statSync(path).size)).toEqual(paths.map(() => 0));
    const { ino } = statSync(machineFiles(wanted("given", "db"), 1).intent);
    writeNew(machineFiles(wanted("given", "db"), 1).intent, "{}");
    expect(statSync(machineFiles(wanted("given", "db"), 1).intent).ino).toBe(ino);
  });

  test("has the modes of one that is made where directories pass their group on", async () => {
    await until("a directory to lie ready", isReady);
    await takeWhenReady(wanted("first"));
    for (const path of [dirs.dataDir, join(dirs.dataDir, "alloc")]) chmodSync(path, 0o2755);
    await takeWhenReady(wanted("given"));
    makeTaskDirectories(wanted("made"));
    expect(layout(wanted("given"))).toEqual(layout(wanted("made")));
    expect(statSync(wanted("given").secrets).mode & 0o7777).toBe(0o700);
  });

  test("is followed by another one, for a task of another name", async () => {
    await takeWhenReady(wanted("one"));
    await takeWhenReady(wanted("two", "task"));
    await takeWhenReady(wanted("three", "other"));
    expect(readdirSync(wanted("two").alloc).toSorted()).toEqual(["alloc", "task"]);
    expect(readdirSync(wanted("three").alloc).toSorted()).toEqual(["alloc", "other"]);
  });

  test("is not for an allocation that has one", async () => {
    await until("a directory to lie ready", isReady);
    writeFileSync(join(spareDirs(dirs).alloc, "mark"), "");
    mkdirSync(wanted("old").alloc);
    writeFileSync(join(wanted("old").alloc, "kept"), "x");
    expect(spare.take(wanted("old"))).toBe(false);
    expect(readdirSync(wanted("old").alloc)).toEqual(["kept"]);
    // It is the same that lies ready, and no other one had to be made.
    await takeWhenReady(wanted("new"));
    expect(readdirSync(wanted("new").alloc)).toContain("mark");
  });

  test("is made anew where a former agent left half of one", async () => {
    await until("a directory to lie ready", isReady);
    spare.close();
    rmSync(spareDirs(dirs).alloc, { recursive: true, force: true });
    mkdirSync(join(spareDirs(dirs).alloc, "vm", "secrets"), { recursive: true });
    writeFileSync(join(spareDirs(dirs).alloc, "vm", "secrets", "token"), "x");
    spare = begin();
    await takeWhenReady(wanted("a1"));
    expect(layout(wanted("a1"))).toEqual(layout(spareLike()));
    expect(readdirSync(wanted("a1").secrets)).toEqual([]);
  });

  test("is there for the first allocation of all", async () => {
    spare.close();
    rmSync(dirs.dataDir, { recursive: true });
    mkdirSync(dirs.dataDir);
    spare = begin();
    await takeWhenReady(wanted("a1"));
    expect(readdirSync(join(dirs.dataDir, "alloc"))).toEqual(["a1"]);
  });

  test("is done without where the allocations' directory is not there, and comes back", async () => {
    await until("a directory to lie ready", isReady);
    rmSync(join(dirs.dataDir, "alloc"), { recursive: true });
    await until("the try to have failed", () => {
      spare.take(wanted("a1"));
      return lines.some((line) => line.includes("was not taken"));
    });
    expect(existsSync(wanted("a1").alloc)).toBe(false);
    await takeWhenReady(wanted("a2"));
    expect(existsSync(wanted("a2").machine)).toBe(true);
  });

  test("is asked for again after it could not be made", async () => {
    const place = spareDirs(dirs).alloc;
    await takeWhenReady(wanted("a1"));
    rmSync(dirname(place), { recursive: true });
    writeFileSync(dirname(place), "");
    await until("the try to have failed", () => lines.some((line) => line.includes("no directory lies ready")));
    rmSync(dirname(place));
    await takeWhenReady(wanted("a3"));
  });

  test("is not made once the agent ends", async () => {
    spare.close();
    const clock = manualClock();
    const late = createSpareDirectory({ dirs, clock, log: createLog("debug", () => undefined) });
    late.close();
    expect(clock.waiting).toBe(0);
  });

  test("is given to nobody once the agent ends", async () => {
    await until("a directory to lie ready", isReady);
    spare.close();
    expect(spare.take(wanted("a1"))).toBe(false);
    expect(existsSync(wanted("a1").alloc)).toBe(false);
  });
});

function spareLike(): TaskDirs {
  const like = wanted("like");
  makeTaskDirectories(like);
  chmodSync(like.alloc, 0o700);
  return like;
}
