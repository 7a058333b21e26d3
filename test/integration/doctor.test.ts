import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Finding } from "../../src/cli/text/finding.ts";
import { examineDirectories } from "../../src/doctor/directories.ts";
import { parentOf } from "../../src/doctor/processes.ts";
import { examineRecords } from "../../src/doctor/records.ts";
import { examineStrangers, findNamers } from "../../src/doctor/strangers.ts";
import { examineUsers } from "../../src/doctor/users.ts";
import { processUids } from "../../src/node/users.ts";
import { type AgentDirs, allocDir, allocsDir, apiSocket, cacheDir, databaseFile } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { idOf, machineOf } from "../helpers/in-process-agent.ts";
import { kill } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let strays: { readonly pid: number }[];
afterEach(() => {
  for (const { pid } of strays) kill(pid);
});
const bed = agentPerTest(false);
let dirs: AgentDirs;
beforeEach(() => {
  dirs = bed.dirs;
  strays = [];
});

/** Starts a machine that the test's end kills. @returns QEMU's pid and its allocation's id. */
async function startMachine(): Promise<{ readonly pid: number; readonly id: string }> {
  await bed.start();
  await bed.submit();
  const { identity } = await machineOf(bed.agent, "running");
  return { pid: identity.pid, id: idOf(bed.agent) };
}

async function strangers(): Promise<readonly Finding[]> {
  const namers = findNamers(dirs);
  const { records } = await examineRecords(dirs);
  return examineStrangers(dirs, records, namers);
}

const NO_STRANGERS: Finding = {
  check: "strangers",
  level: "ok",
  message: "every process, directory and socket below the agent's directories belongs to a record",
  remedy: null,
};

/** A process with these words on its command line that waits for a line which never comes. */
function idle(words: readonly string[]): number {
  const child = Bun.spawn(["/bin/sh", "-c", "read -r line", ...words], { stdio: ["pipe", "ignore", "ignore"] });
  strays.push(child);
  return child.pid;
}

describe("strangers", () => {
  test("there are none where the records know every machine, its wrapper, directory and sockets", async () => {
    await startMachine();
    expect(await strangers()).toEqual([NO_STRANGERS]);
    bed.running.close();
    expect(await strangers()).toEqual([NO_STRANGERS]);
    const { findings } = await examineRecords(dirs);
    expect(findings).toContainEqual({
      check: "agent",
      level: "warning",
      message: "no agent looks after 1 machine that had not ended when the last one did",
      remedy: "start it: paddock agent",
    });
  });

  test("a machine of which the store knows nothing is told with the words that end it, and is not ended", async () => {
    const { pid, id } = await startMachine();
    bed.running.close();
    rmSync(databaseFile(dirs));
    openStore(databaseFile(dirs)).close();
    const wrapper = parentOf(pid) ?? 0;
    const found = await strangers();
    expect(found.filter(({ level }) => level === "problem").map(({ remedy }) => remedy)).toEqual(
      [wrapper, pid]
        .toSorted((a, b) => String(a).localeCompare(String(b)))
        .map((stranger) => {
          return `look at it: ps -fp ${stranger}; end it when it is nobody's: kill ${stranger}`;
        }),
    );
    expect(found.find(({ message }) => message.includes(`process ${pid} `))?.message).toBe(
      `process ${pid} (qemu-system-x86_64, user ${processUids(pid)?.[0]}) says that it is the machine of task "vm" of allocation ${id.slice(0, 8)}, and no record owns it`,
    );
    expect(found).toContainEqual({
      check: "strangers",
      level: "warning",
      message: `${allocDir(dirs, id)} belongs to no allocation`,
      remedy: `when nothing in it is needed: rm -r ${allocDir(dirs, id)}`,
    });
    expect(readStat(pid)).not.toBeNull();
  });

  test("a second process with the journal of a machine that runs is one", async () => {
    const { pid, id } = await startMachine();
    const journal = join(allocDir(dirs, id), "vm", ".paddock", "ev.1");
    const twin = idle(["paddock-machine", "qemu-system-x86_64", "-chardev", `pipe,id=paddock-journal,path=${journal}`]);
    const [found, ...more] = await until("the twin to be seen", async () => {
      const seen = await strangers();
      return seen[0]?.level === "ok" ? undefined : seen;
    });
    expect(more).toEqual([]);
    expect(found).toMatchObject({ level: "problem", remedy: expect.stringContaining(`kill ${twin}`) });
    expect(found?.message).not.toContain(`process ${pid} `);
  });

  test("who merely names what nobody owns is told with what he says, escaped, and without a word about ending him", async () => {
    await bed.start();
    const alloc = `${allocsDir(dirs)}/00000000-0000-4000-8000-000000000000`;
    const pid = idle([`${alloc}/vm/.paddock/ev.1\u001b[2J\n`, "x".repeat(5000)]);
    const found = await until("it to be seen", async () => (await strangers()).find(({ level }) => level !== "ok"));
    expect(found).toMatchObject({ level: "warning", remedy: `see who it is: ps -fp ${pid}` });
    expect(found.message).not.toMatch(/[\u0000-\u001f]/);
    expect(found.message.length).toBeLessThan(300);
  });

  test("people who look at logs, and clients of the API, are none", async () => {
    const { id } = await startMachine();
    idle([`${allocDir(dirs, id)}/alloc/logs/vm.stdout.0`]);
    idle(["-address", `unix://${dirs.runDir}/api.sock`, "ps"]);
    expect(await strangers()).toEqual([NO_STRANGERS]);
  });

  test("sockets that a dead machine left are told, and what else is in the run directory is not", async () => {
    await bed.start();
    mkdirSync(join(dirs.runDir, "0123abcd-0a1b"));
    mkdirSync(join(dirs.runDir, "notes"));
    expect(await strangers()).toEqual([
      {
        check: "strangers",
        level: "warning",
        message: `${dirs.runDir}/0123abcd-0a1b holds sockets of a machine that has ended`,
        remedy: "the agent removes it when it starts",
      },
    ]);
  });

  test("names below alloc that nobody made are quoted for a shell, and the longest list has an end", async () => {
    await bed.start();
    for (let at = 0; at < 30; at++) mkdirSync(join(allocsDir(dirs), `it's ${at}\n`), { recursive: true });
    const found = await strangers();
    expect(found).toHaveLength(21);
    expect(found[0]?.message).toContain("it's 0\\x0a belongs to no allocation");
    expect(found[0]?.remedy).toContain("rm -r '");
    expect(found[20]).toMatchObject({ message: "and 10 more like these", remedy: null });
  });
});

describe("the store", () => {
  const storeFinding = async () => (await examineRecords(dirs)).findings.find(({ check }) => check === "store");

  test("that a newer version wrote is a problem, and then nobody is called a stranger", async () => {
    await bed.start();
    bed.running.close();
    const database = new DatabaseSync(databaseFile(dirs));
    database.exec("PRAGMA user_version = 999");
    database.close();
    mkdirSync(join(allocsDir(dirs), "unknown"), { recursive: true });
    expect(await storeFinding()).toMatchObject({
      level: "problem",
      message: expect.stringContaining("schema version 999"),
    });
    expect(await strangers()).toMatchObject([{ level: "warning", message: expect.stringContaining("is not known") }]);
  });

  test("that is none is a problem, one that is not there is not, and neither is touched", async () => {
    mkdirSync(dirs.dataDir);
    expect(await storeFinding()).toMatchObject({ level: "ok" });
    await Bun.write(databaseFile(dirs), "not a database ".repeat(100));
    expect(await storeFinding()).toMatchObject({ level: "problem" });
    expect(await Bun.file(databaseFile(dirs)).text()).toStartWith("not a database");
  });

  test("is read while an agent has it open", async () => {
    await startMachine();
    expect(await storeFinding()).toMatchObject({ level: "ok", message: expect.stringContaining("has 1 allocation") });
  });
});

test("the socket that a dead agent left is no agent that does not answer", async () => {
  mkdirSync(dirs.runDir, { recursive: true });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${dirs.runDir}/first.sock`, resolve));
  // Who closes a socket takes its name away, and leaves this one.
  linkSync(`${dirs.runDir}/first.sock`, apiSocket(dirs));
  await new Promise((resolve) => server.close(resolve));
  const { findings } = await examineRecords(dirs);
  expect(findings[0]).toEqual({
    check: "agent",
    level: "ok",
    message: `no agent runs with ${apiSocket(dirs)}`,
    remedy: null,
  });
});

describe("directories", () => {
  const uid = process.getuid?.() ?? 0;
  const levels = () => examineDirectories(dirs, uid).map(({ check, level }) => `${check} ${level}`);

  test("that are not there yet, or are this user's alone, are well", () => {
    expect(levels()).toEqual(["data_dir ok", "run_dir ok", expect.stringMatching(/^space (ok|warning|problem)$/)]);
    mkdirSync(dirs.dataDir);
    expect(levels()[0]).toBe("data_dir ok");
  });

  test("of machines or of what was fetched that lie on a full file system of their own are a problem, once each", () => {
    mkdirSync(dirs.dataDir);
    // No file system is fuller.
    symlinkSync("/proc", allocsDir(dirs));
    symlinkSync("/proc", cacheDir(dirs));
    const [own, ...others] = examineDirectories(dirs, uid).filter(({ check }) => check === "space");
    expect(own?.message).toEndWith(` free in ${dirs.dataDir}`);
    expect(others).toEqual([
      {
        check: "space",
        level: "problem",
        message: `0 B are free in ${allocsDir(dirs)}`,
        remedy: "make room: without it machines stop when they write, and nothing is fetched",
      },
    ]);
  });

  test("that everybody may write to, that are links, or another user's are problems with a remedy", () => {
    mkdirSync(dirs.dataDir);
    chmodSync(dirs.dataDir, 0o777);
    symlinkSync("/tmp", dirs.runDir);
    const [data, run] = examineDirectories(dirs, uid);
    expect(data).toMatchObject({ level: "problem", remedy: `chmod o-w ${dirs.dataDir}` });
    expect(run).toMatchObject({ level: "problem", message: `${dirs.runDir} is not a directory` });
    chmodSync(dirs.dataDir, 0o755);
    const [others] = examineDirectories(dirs, uid + 1);
    expect(others).toMatchObject({ level: "problem", message: expect.stringContaining(`belongs to user ${uid}`) });
    renameSync(dirs.dataDir, bed.dir.file("gone"));
  });
});

describe("what machines run as", () => {
  const users = { wanted: undefined, min: 71_000, max: 71_009 };
  const root = process.getuid?.() === 0;

  test("is the agent's own user where that is not root", async () => {
    expect(await examineUsers({ users, dirs }, 1000)).toMatchObject([
      { level: "ok", message: "machines run as this user, 1000" },
    ]);
  });

  test("is root where it is told to be, with a warning", async () => {
    expect(await examineUsers({ users: { ...users, wanted: false }, dirs }, 0)).toMatchObject([{ level: "warning" }]);
  });

  test.skipIf(!root)(
    "are users of their own, or root where those cannot reach the data directory, with what to do",
    async () => {
      mkdirSync(dirs.dataDir);
      const [found] = await examineUsers({ users, dirs }, 0);
      expect(found).toMatchObject({ level: "ok", message: expect.stringContaining("of 71000 to 71009") });
      chmodSync(dirs.dataDir, 0o700);
      const [closed] = await examineUsers({ users, dirs }, 0);
      expect(closed).toMatchObject({ level: "warning", remedy: expect.stringContaining(`chmod o+x ${dirs.dataDir}`) });
      const [must] = await examineUsers({ users: { ...users, wanted: true }, dirs }, 0);
      expect(must).toMatchObject({
        level: "problem",
        message: expect.stringContaining("dynamic_workload_users is set"),
      });
    },
  );
});
