import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { isTerminal } from "../../src/allocation/allocation.ts";
import { diskFiles, taskDirs } from "../../src/paths.ts";
import { startOrigin } from "../helpers/origin.ts";
import { type SiblingTask, siblingsBed } from "../helpers/siblings-bed.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(90_000);

const { bed, jobOf, all, copy, machine, events, running, anew, ended, console, submit, powerOff } = siblingsBed();

const PORTS = 'network {\n port "web" {}\n port "sql" {}\n }';
const group = { group: PORTS };
const WEB: SiblingTask = { config: "port_map {\n web = 80\n }" };
const DB: SiblingTask = { config: "port_map {\n sql = 5432\n }" };
const named = (task: SiblingTask, name: string): SiblingTask => ({
  ...task,
  config: `${task.config}\n args = ["-name", "${name}"]`,
});

describe("a changed job of two machines", () => {
  test("is updated in place where only a harmless part of one task changed", async () => {
    await submit(jobOf({ web: WEB, db: DB }, group));
    const before = await running(["web", "db"]);
    const { id } = copy();
    const next = jobOf({ web: WEB, db: { ...DB, task: 'leader = true\n env {\n A = "b"\n }' } }, group);
    expect((await bed.agent.planJob(next)).groups).toMatchObject([
      { action: "in-place update", text: expect.stringContaining("its machines run on") },
    ]);
    await submit(next);
    expect([copy().id, copy().jobVersion, await running(["web", "db"])]).toEqual([id, 1, before]);
    // It leads from now on.
    await powerOff("db");
    expect((await ended("web")).stop?.order.cause).toBe("leader task dead");
  });

  test("has the others stopped where a task leads now that has ended before", async () => {
    await submit(jobOf({ web: WEB, db: DB }, { ...group, type: "batch" }));
    await running(["web", "db"]);
    await powerOff("web");
    await ended("web");
    const { id } = copy();
    await submit(jobOf({ web: { ...WEB, task: "leader = true" }, db: DB }, { ...group, type: "batch" }));
    expect((await ended("db")).stop?.order.cause).toBe("leader task dead");
    expect([copy().id, copy().jobVersion]).toEqual([id, 1]);
  });

  test("has both replaced where one task's machine is another one, and both disks move along", async () => {
    await submit(jobOf({ web: WEB, db: DB }, group));
    await running(["web", "db"]);
    for (const task of ["web", "db"]) await patiently("its boot", async () => (await console(task)).includes("boot=1"));
    const old = copy();
    const next = jobOf({ web: WEB, db: named(DB, "other") }, group);
    expect((await bed.agent.planJob(next)).groups[0]).toMatchObject({
      action: "create/destroy update",
      why: [{ task: "db", path: "config.args" }],
    });
    await submit(next);
    await patiently("the next allocation", () => copy().id !== old.id);
    await running(["web", "db"]);
    expect(isTerminal(bed.agent.allocation(old.id))).toBe(true);
    for (const task of ["web", "db"]) {
      await patiently(`the second boot of ${task}`, async () => (await console(task)).includes("boot=2"));
      const files = [old.id, copy().id].map((id) => diskFiles(taskDirs(bed.dirs, id, task)).overlay);
      expect(files.map((path) => existsSync(path))).toEqual([false, true]);
    }
  });

  test("counts a copy as up only when all of it is: the next one's turn waits for both machines", async () => {
    await submit(jobOf({ web: WEB, db: DB }, { ...group, count: 2 }));
    await running(["web", "db"], 0);
    await running(["web", "db"], 1);
    expect(new Set([0, 1].flatMap((index) => copy(index).ports.map(({ hostPort }) => hostPort))).size).toBe(4);
    const second = copy(1).id;
    // One machine of the new version never comes up, because its artifact does not come.
    await using origin = await startOrigin({});
    const never = `artifact {\n source = "${origin.url("/never")}"\n }`;
    const waits = `${never}\n restart {\n attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"\n }`;
    await submit(jobOf({ web: named(WEB, "two"), db: { ...named(DB, "two"), task: waits } }, { ...group, count: 2 }));
    await patiently("the first copy's turn", () => copy(0).jobVersion === 1 && machine("web", 0)?.kind === "running");
    await patiently("the artifact to fail", () => machine("db", 0)?.kind === "backoff");
    expect([copy(1).id, copy(1).jobVersion]).toEqual([second, 0]);
    await submit(jobOf({ web: named(WEB, "two"), db: named(DB, "two") }, { ...group, count: 2 }));
    await patiently("both copies to be of the newest version", () =>
      [0, 1].every((index) => copy(index).jobVersion === 2),
    );
    for (const index of [0, 1]) await running(["web", "db"], index);
  });
});

test("a job that is asked for again while a failed copy's last machine is still being stopped gets another one", async () => {
  const job = jobOf({ web: { ...WEB, task: 'shutdown_delay = "3s"' }, db: DB }, group);
  await submit(job);
  const { db = 0 } = await running(["web", "db"]);
  const { id } = copy();
  process.kill(db, "SIGKILL");
  await patiently("the stop of the sibling", () => machine("web")?.kind === "stopping");
  await expect(bed.agent.restartAllocation(id, "web")).rejects.toThrow("is being stopped");
  await submit(job);
  expect([all().length, bed.agent.allocation(id).desired]).toEqual([1, "run"]);
  await patiently("another allocation", () => copy().id !== id);
  await running(["web", "db"]);
  expect(isTerminal(bed.agent.allocation(id))).toBe(true);
});

describe("commands", () => {
  test("restart one machine, or all of them that have not ended", async () => {
    await submit(jobOf({ web: WEB, db: DB, job: {} }, { ...group, type: "batch" }));
    const first = await running(["web", "db", "job"]);
    await powerOff("job");
    await ended("job");
    const { id } = copy();
    await bed.agent.restartAllocation(id, "db");
    const db = await anew("db", first["db"] ?? 0);
    expect((await running(["web"]))["web"]).toBe(first["web"] as number);
    await bed.agent.restartAllocation(id, "");
    await Promise.all([anew("web", first["web"] ?? 0), anew("db", db)]);
    expect(machine("job")?.kind).toBe("ended");
    await expect(bed.agent.restartAllocation(id, "job")).rejects.toThrow(`the machine of task "job"`);
  });

  test("reach the one machine that they name", async () => {
    await submit(jobOf({ web: WEB, db: DB }, group));
    await running(["web", "db"]);
    const { id } = copy();
    await bed.agent.powerMachine(id, "db", "pause");
    await patiently("a pause", () => {
      const [web, db] = [machine("web"), machine("db")];
      return web?.kind === "running" && db?.kind === "running" && `${web.guest} ${db.guest}` === "running paused";
    });
    const usage = await patiently("usage", async () => await bed.agent.allocationUsage(id, { detail: false }));
    expect(usage.map(({ task }) => task).toSorted()).toEqual(["db", "web"]);
    await bed.agent.signalAllocation(id, "web", "SIGKILL");
    expect(await ended("web")).toMatchObject({ signal: 9, failed: true });
    expect((await ended("db")).stop?.order.cause).toBe("sibling task failed");
    expect(bed.agent.why(id, "web").end?.ending.signal).toBe(9);
    expect(bed.agent.why(id, "db").end?.ending.stop?.order.cause).toBe("sibling task failed");
  });
});

describe("two machines of a group on one image", () => {
  const apart = (disk: string, other = disk) =>
    submit(jobOf({ web: { config: `disk = "${disk}"` }, db: { config: `disk = "${other}"` } }));

  test.each(["direct", "overlay"])(
    "are refused by name where one writes to it and the other has disk = %s",
    async (other) => {
      await expect(apart("direct", other)).rejects.toThrow(
        `group "g", task "db": config.image_path: ${bed.image} is the disk of task "web" as well`,
      );
      expect(all()).toEqual([]);
      const job = jobOf({ web: { config: 'disk = "direct"' }, db: { config: `disk = "${other}"` } });
      expect((await bed.agent.planJob(job)).refused.join()).toContain(`is the disk of task "web" as well`);
    },
  );

  test("run where nothing is written to it", async () => {
    await apart("copy", "overlay");
    await running(["web", "db"]);
    expect(events("web").filter((line) => line.startsWith("Driver Failure"))).toEqual([]);
  });
});

test("what has ended of two machines is removed as one", async () => {
  await submit(jobOf({ web: WEB, db: DB }, group));
  await running(["web", "db"]);
  const { id } = copy();
  await bed.agent.deregisterJob("shop", { purge: true, discard: true });
  // With nobody asking it is removed as soon as it has ended.
  await patiently("all of it to be removed", async () => {
    await bed.agent.garbage.collect({ discard: true });
    return bed.agent.allocations({}).length === 0;
  });
  expect(existsSync(bed.dir.file("data", "alloc", id))).toBe(false);
  expect(() => bed.agent.allocation(id)).toThrow();
});
