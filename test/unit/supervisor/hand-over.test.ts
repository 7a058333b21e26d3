import { beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeTaskDirectories } from "../../../src/agent/start/task-directory.ts";
import { type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { closeGate, handOver, openGate, openMachineDirectory } from "../../../src/supervisor/hand-over.ts";
import { assertOwnFile, openLogFile, withMachineFiles } from "../../../src/supervisor/own-files.ts";
import { copyAndTruncate, makeNextLog, tidyLog } from "../../../src/supervisor/rotate.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

/** Two machines with one group, as on a host that has the group kvm. */
const USER = { uid: 71_700, gid: 71_799 };
const OTHER = { uid: 71_701, gid: 71_799 };

const dir = tempPerTest();
let dirs: TaskDirs;

beforeEach(() => {
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
});

async function may(user: { uid: number; gid: number }, script: string): Promise<boolean> {
  return (await Bun.spawn(["/bin/sh", "-c", script], { ...user, stdio: ["ignore", "ignore", "ignore"] }).exited) === 0;
}

const settle = (user = USER): void => {
  openMachineDirectory(dirs);
  handOver(dirs, user);
  openGate(dirs, user);
};

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot("directories that are handed over", () => {
  test("belong to the machine with what is in them, but for the agent's own", () => {
    makeTaskDirectories(dirs);
    mkdirSync(join(dirs.local, "deep", "er"), { recursive: true });
    writeFileSync(join(dirs.local, "deep", "er", "disk.img"), "x", { mode: 0o600 });
    writeFileSync(join(dirs.machine, "intent.1"), "x");
    settle();
    const owners = [
      dirs.task,
      dirs.local,
      dirs.secrets,
      dirs.tmp,
      dirs.logs,
      join(dirs.local, "deep", "er", "disk.img"),
    ];
    for (const path of owners) expect({ path, uid: statSync(path).uid }).toEqual({ path, uid: USER.uid });
    for (const path of [dirs.alloc, dirs.shared, dirs.machine, join(dirs.machine, "intent.1")]) {
      expect({ path, uid: statSync(path).uid }).toEqual({ path, uid: 0 });
    }
  });

  test("are closed to another machine of the same group, and to everybody once the gate is closed", async () => {
    makeTaskDirectories(dirs);
    settle();
    expect(await may(USER, `echo x > ${dirs.logs}/log && echo x > ${dirs.task}/file && cd ${dirs.machine}`)).toBe(true);
    for (const path of [dirs.task, dirs.logs, join(dirs.shared, "data"), join(dirs.shared, "tmp"), dirs.machine]) {
      expect({ path, may: await may(OTHER, `ls ${path} || cd ${path}`) }).toEqual({ path, may: false });
    }
    expect(await may({ uid: 71_702, gid: 71_702 }, `cd ${dirs.alloc}`)).toBe(false);
    closeGate(dirs);
    expect(await may(USER, `cat ${dirs.task}/file`)).toBe(false);
    openGate(dirs, USER);
    expect(await may(USER, `cat ${dirs.task}/file`)).toBe(true);
  });

  test("of an allocation of several machines are closed to its other ones, and each has its own logs", async () => {
    const beside = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "db");
    for (const made of [dirs, beside]) makeTaskDirectories(made);
    writeFileSync(join(dirs.logs, "vm.stdout.0"), "of before");
    writeFileSync(join(dirs.shared, "data", "seed"), "x");
    for (const [own, user] of [
      [dirs, USER],
      [beside, OTHER],
    ] as const) {
      openMachineDirectory(own);
      handOver(own, user, false);
      openGate(own, user);
    }
    closeSync(openLogFile(join(beside.logs, "db.stdout.0"), OTHER));
    for (const [own, other, user] of [
      [dirs, beside, USER],
      [beside, dirs, OTHER],
    ] as const) {
      const log = join(own.logs, `${own === dirs ? "vm" : "db"}.stdout.0`);
      expect(await may(user, `echo x >> ${log} && echo x > ${own.task}/file && cd ${own.machine}`)).toBe(true);
      const theirs = join(own.logs, `${own === dirs ? "db" : "vm"}.stdout.0`);
      const harm = [
        `ls ${other.task}`,
        `cat ${theirs}`,
        `echo x >> ${theirs}`,
        `rm -f ${theirs}`,
        `mv ${theirs} ${theirs}.1`,
        `ls ${own.logs}`,
        `echo x > ${own.logs}/vm.stdout.1`,
        `ls ${own.shared}/data`,
        `cat ${own.shared}/data/seed`,
        `echo x > ${own.shared}/tmp/x`,
        `echo x > ${own.shared}/x`,
        `echo x > ${own.alloc}/x`,
      ];
      for (const script of harm) expect({ script, may: await may(user, script) }).toEqual({ script, may: false });
    }
    closeGate(dirs);
    expect(await may(USER, `cat ${dirs.task}/file`)).toBe(false);
  });

  test("give away nothing that a link or a second name leads to", () => {
    makeTaskDirectories(dirs);
    for (const name of ["linked", "named"]) writeFileSync(dir.file(name), "host", { mode: 0o600 });
    mkdirSync(dir.file("hostdir"));
    symlinkSync(dir.file("linked"), join(dirs.local, "link"));
    symlinkSync(dir.file("hostdir"), join(dirs.local, "linkdir"));
    symlinkSync(dir.file("nowhere"), join(dirs.local, "dangling"));
    linkSync(dir.file("named"), join(dirs.local, "name"));
    settle();
    for (const name of ["linked", "named", "hostdir"]) {
      expect({ name, uid: statSync(dir.file(name)).uid }).toEqual({ name, uid: 0 });
    }
    expect(lstatSync(join(dirs.local, "link")).uid).toBe(USER.uid);
  });

  test("stay as they are when a link stands in the place of one", () => {
    makeTaskDirectories(dirs);
    rmSync(dirs.logs, { recursive: true });
    mkdirSync(dir.file("hostdir"));
    symlinkSync(dir.file("hostdir"), dirs.logs);
    expect(() => handOver(dirs, USER)).toThrow();
    expect(statSync(dir.file("hostdir")).uid).toBe(0);
  });

  test("need not be there for the gate to be closed", () => {
    closeGate(dirs);
    expect(existsSync(dirs.alloc)).toBe(false);
  });
});

asRoot("a log of a machine with a user", () => {
  const log = () => ({ dirs, task: "vm", type: "stdout", limits: { maxFiles: 2, maxBytes: 4 }, user: USER }) as const;
  const path = (index: number) => join(dirs.logs, `vm.stdout.${index}`);

  beforeEach(() => {
    makeTaskDirectories(dirs);
    settle();
  });

  test("belongs to it whichever way a file of it is made", () => {
    closeSync(openLogFile(path(0), USER));
    expect(makeNextLog(log(), 0)).toBe(1);
    writeFileSync(path(0), "four more than that");
    expect(copyAndTruncate(log(), 0).active).toBe(1);
    for (const index of [0, 1]) expect(statSync(path(index)).uid).toBe(USER.uid);
    writeFileSync(path(0), "a file that is far too long for what is allowed");
    expect(tidyLog(log(), 1, true)).toBeGreaterThan(0);
    expect(statSync(path(0)).uid).toBe(USER.uid);
    closeSync(openLogFile(path(0), USER));
  });

  test("is not emptied, cut or added to when it is another name of a file of the host's", () => {
    writeFileSync(dir.file("host"), "a file that is far too long for what is allowed", { mode: 0o600 });
    linkSync(dir.file("host"), path(0));
    expect(() => copyAndTruncate(log(), 0)).toThrow("belongs to user 0, expected the machine's");
    expect(() => tidyLog(log(), 1, true)).toThrow("belongs to user 0");
    expect(() => openLogFile(path(0), USER)).toThrow("belongs to user 0");
    expect(readFileSync(dir.file("host"), "utf8")).toStartWith("a file");
    expect(statSync(dir.file("host")).uid).toBe(0);
  });

  test("has one name only", () => {
    closeSync(openLogFile(path(0), USER));
    linkSync(path(0), join(dirs.logs, "again"));
    const fd = openSync(path(0), "r");
    expect(() => assertOwnFile(fd, path(0), USER)).toThrow("has another name elsewhere");
    closeSync(fd);
  });
});

test("the agent's files about a start are lent from the very directory that it made", async () => {
  makeTaskDirectories(dirs);
  await withMachineFiles({ dirs, generation: 3 }, (files) => {
    rmSync(dirs.machine, { recursive: true });
    mkdirSync(dir.file("planted"));
    symlinkSync(dir.file("planted"), dirs.machine);
    expect(() => writeFileSync(files.intent, "x")).toThrow();
  });
  await expect(withMachineFiles({ dirs, generation: 3 }, () => undefined)).rejects.toThrow(
    "has put something in its place",
  );
  expect(existsSync(dir.file("planted", "intent.3"))).toBe(false);
});
