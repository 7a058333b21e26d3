import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isSamePart } from "../../src/agent/place/same-part.ts";
import type { Job } from "../../src/job/job.ts";
import {
  type AgentDirs,
  databaseFile,
  machineFiles,
  machineSockets,
  stderrLog,
  stdoutLog,
  taskDirs,
} from "../../src/paths.ts";
import { readBootId, readStat } from "../../src/supervisor/identity.ts";
import { parseStatus } from "../../src/supervisor/wrapper.ts";
import { clearAway } from "../helpers/clear-away.ts";
import { demoJob, type InProcessAgent, machineOf, startInProcess, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { freePort } from "../helpers/ports.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/**
 * What the first version of this program had on disk while a machine ran: its schema, the rows of its store, its wrapper and QEMU's
 * command line, with ROOT, BOOT, PORT, "PID" and "START" for what differs from host to host. Never to be made anew.
 */
interface FirstVersion {
  readonly schema: readonly string[];
  readonly wrapper: string;
  readonly intent: { readonly argv: readonly string[] };
  readonly rows: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

const FILE = join(import.meta.dirname, "..", "golden", "state", "first-version.json");

let dir: TempDir;
let agent: InProcessAgent | undefined;

beforeEach(() => {
  dir = tempDir();
  agent = undefined;
});
afterEach(() => clearAway(dir, agent));

/** Starts QEMU as the first version did. @returns its pid and start time. */
async function startAsThen(dirs: AgentDirs, image: string, version: FirstVersion, id: string) {
  const task = taskDirs(dirs, id, "vm");
  const files = machineFiles(task, 1);
  for (const path of [task.logs, task.local, task.tmp, task.machine, machineSockets(dirs, id, "vm").dir]) {
    mkdirSync(path, { recursive: true });
  }
  writeFileSync(files.journalIn, '{"execute":"qmp_capabilities"}\n');
  writeFileSync(files.journalOut, "");
  writeFileSync(files.intent, JSON.stringify({ ...version.intent, bootId: readBootId() }));
  const opened = [
    openSync(stdoutLog(task, "vm"), "a"),
    openSync(stderrLog(task, "vm"), "a"),
    openSync(files.status, "a"),
    openSync(image, "r+"),
    openSync(image, "r"),
  ];
  const child = Bun.spawn(["/bin/sh", "-c", version.wrapper, "paddock-machine", ...version.intent.argv], {
    cwd: task.task,
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", ...opened] as never,
    detached: true,
  });
  child.unref();
  for (const fd of opened) closeSync(fd);
  return await until("the wrapper to say who QEMU is", () => {
    const { pid, startTime } = parseStatus(readFileSync(files.status));
    return pid === null || startTime === null ? undefined : { pid, startTime };
  });
}

function writeStore(path: string, { schema, rows }: FirstVersion): void {
  const database = new DatabaseSync(path);
  for (const sql of schema) database.exec(sql);
  database.exec(`PRAGMA user_version = ${schema.length}`);
  for (const [table, entries] of Object.entries(rows)) {
    for (const entry of entries) {
      const marks = Object.keys(entry).map(() => "?");
      const values = Object.values(entry).map((value) => (typeof value === "object" ? JSON.stringify(value) : value));
      database
        .prepare(`INSERT INTO ${table} (${Object.keys(entry).join(", ")}) VALUES (${marks.join(", ")})`)
        .run(...(values as string[]));
    }
  }
  database.close();
}

test("a machine that the first version started is adopted, goes on, keeps its job unchanged and hears its power button", async () => {
  const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
  const image = writeDemoDisk(dir.path);
  const text = readFileSync(FILE, "utf8")
    .replaceAll("ROOT", dir.path)
    .replaceAll("BOOT", readBootId())
    .replaceAll('"PORT"', "PORT")
    .replaceAll("PORT", String(await freePort()));
  const then = JSON.parse(text) as FirstVersion;
  const id = String(then.rows["allocations"]?.[0]?.["id"]);
  const { pid, startTime } = await startAsThen(dirs, image, then, id);
  const known = text.replaceAll('"pid": "PID"', `"pid": ${pid}`).replaceAll('"START"', String(startTime));
  writeStore(databaseFile(dirs), JSON.parse(known) as FirstVersion);

  agent = await startInProcess(dir.path);
  const machine = await machineOf(agent.agent, "running");
  expect(machine).toMatchObject({ adopted: true, generation: 1, identity: { pid } });
  await until("QEMU to answer the new agent", async () => {
    const now = await machineOf(agent?.agent as InProcessAgent["agent"], "running");
    return now.guest === "running";
  });

  // The same job again is the same to this version: a machine is not replaced because the program was.
  const { job } = agent.agent.job("demo");
  const again = await agent.agent.registerJob(JSON.parse(JSON.stringify(job)) as Job, null, {});
  expect(again.job.version).toBe(0);
  expect(agent.agent.allocations({ jobId: "demo" })).toHaveLength(1);
  expect(agent.agent.checks(id)).toEqual([]);
  expect(agent.agent.launchPlan(id, "vm").argv[0]?.word).toContain("qemu-system");

  await agent.agent.deregisterJob("demo", { purge: false });
  const { ending } = await machineOf(agent.agent, "ended");
  expect(ending).toMatchObject({ reason: "guest-shutdown", exitCode: 0, stop: { rung: "powerdown" } });
  expect(readStat(pid)).toBeNull();
});

test("a job file that the first version has run is no changed one to this version", () => {
  const { rows } = JSON.parse(readFileSync(FILE, "utf8")) as FirstVersion;
  const group = 'network {\n port "web" {\n to = 80\n }\n }';
  const now = demoJob("ROOT/images/demo.img", { group, restart: "attempts = 2" });
  const record = rows["jobs"]?.[0]?.["record"] as { readonly job: Job };
  // The one default that has changed since: its job is updated in place.
  const groups = now.groups.map((one) => ({ ...one, ephemeral_disk: { ...one.ephemeral_disk, sticky: false } }));
  expect(isSamePart(record.job, { ...now, groups })).toBe(true);
});
