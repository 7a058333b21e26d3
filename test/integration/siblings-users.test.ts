import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { processUids } from "../../src/node/users.ts";
import { machineSockets, stdoutLog, taskDirs } from "../../src/paths.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { asRoot, range, runAs } from "../helpers/machine-users.ts";
import { startOrigin } from "../helpers/origin.ts";
import { untilGone } from "../helpers/processes.ts";
import { siblingsBed } from "../helpers/siblings-bed.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(90_000);

asRoot("machines of one allocation", () => {
  const { bed, jobOf, copy, machine, running, anew, ended, console, powerOff, expectStopped, submit } = siblingsBed(
    range(1_000),
  );
  const RESTARTS = 'attempts = 3\n interval = "1h"\n delay = "50ms"\n mode = "fail"';
  const TWO = { web: {}, db: {} };

  const userOf = (task: string) => {
    const user = copy().tasks[task]?.user;
    if (!user) throw new Error(`${task} has no user of its own`);
    return user;
  };

  test("have a user each and one group, and none can harm the other", async () => {
    await submit(jobOf(TWO));
    const pids = await running(["web", "db"]);
    const [web, db] = [userOf("web"), userOf("db")];
    expect(web.uid).not.toBe(db.uid);
    expect(web.gid).toBe(db.gid);
    for (const [task, user] of Object.entries({ web, db })) {
      expect(processUids(pids[task] ?? 0)?.every((uid) => uid === user.uid)).toBe(true);
    }
    const { id } = copy();
    const [own, other] = [taskDirs(bed.dirs, id, "web"), taskDirs(bed.dirs, id, "db")];
    await patiently("the sibling to write", async () => (await console("db")).includes("DEMO GUEST"));
    const log = stdoutLog(other, "db");
    const harm = [
      `ls ${other.task}`,
      `cat ${other.local}/x`,
      `cat ${log}`,
      `echo forged >> ${log}`,
      `rm -f ${log}`,
      `ln -s /etc/passwd ${own.logs}/db.stdout.1`,
      `echo x > ${own.shared}/data/x`,
      `ls ${own.shared}/data`,
      `rmdir ${other.tmp}`,
      `mv ${other.task} ${other.task}.gone`,
      `ls ${machineSockets(bed.dirs, id, "db").dir}`,
      `kill -9 ${pids["db"]}`,
    ];
    for (const script of harm) expect({ script, code: (await runAs(web, script)).code }).not.toMatchObject({ code: 0 });
    expect((await runAs(web, `echo x > ${own.task}/file`)).code).toBe(0);
    expect(readFileSync(log, "latin1")).not.toContain("forged");
  });

  test("go on and start again when another one of them has ended, which closes nothing yet", async () => {
    await submit(jobOf({ ...TWO, job: {} }, { type: "batch", restart: RESTARTS }));
    const first = await running(["web", "db", "job"]);
    const { id } = copy();
    const gate = taskDirs(bed.dirs, id, "web").alloc;
    await powerOff("job");
    await ended("job");
    expect(statSync(gate).mode & 0o777).toBe(0o710);
    const gone = userOf("job");
    process.kill(first["db"] ?? 0, "SIGKILL");
    await anew("db", first["db"] ?? 0);
    expect((await running(["web"]))["web"]).toBe(first["web"] as number);
    // Its user is nobody else's as long as its files are not closed to it.
    await submitBeside();
    const others = Object.values(beside().tasks).map(({ user }) => user?.uid);
    expect(others).not.toContain(gone.uid);
    for (const task of ["web", "db"]) await powerOff(task);
    for (const task of ["web", "db"]) await ended(task);
    expect(statSync(gate).mode & 0o777).toBe(0o700);
  });

  test("are adopted, stopped for each other's sake, and closed", async () => {
    await submit(jobOf(TWO));
    const { db = 0 } = await running(["web", "db"]);
    await bed.restart(async () => {
      process.kill(db, "SIGKILL");
      await untilGone("the database", db);
    }, range(1_000));
    await expectStopped("web", "sibling task failed");
    expect(machine("db")).toMatchObject({ kind: "ended", failed: true });
    expect(statSync(taskDirs(bed.dirs, copy().id, "web").alloc).mode & 0o777).toBe(0o700);
  });

  test("get users at their next start that had none, one group for both, and their logs go on", async () => {
    await bed.restart(undefined, {});
    await submit(jobOf(TWO, { restart: RESTARTS }));
    await running(["web", "db"]);
    for (const task of ["web", "db"]) await patiently("its banner", async () => (await console(task)).includes("DEMO"));
    const { id } = copy();
    await bed.restart(undefined, range(1_000));
    const before = await running(["web", "db"]);
    await bed.agent.restartAllocation(id, "");
    for (const [task, pid] of Object.entries(before)) await anew(task, pid);
    expect(userOf("web").gid).toBe(userOf("db").gid);
    expect(userOf("web").uid).not.toBe(userOf("db").uid);
    for (const task of ["web", "db"]) {
      await patiently("its second banner", async () => (await console(task)).split("DEMO GUEST").length > 2);
      const log = statSync(stdoutLog(taskDirs(bed.dirs, id, task), task));
      expect([log.uid, log.mode & 0o777]).toEqual([userOf(task).uid, 0o600]);
    }
    expect(existsSync(taskDirs(bed.dirs, id, "web").logs)).toBe(true);
  });

  test("get nothing of each other's by a link in the place of their own image", async () => {
    await using origin = await startOrigin({ "/disk.img": { kind: "bytes", body: demoDisk() } });
    const own = {
      config: 'disk = "direct"',
      task: `artifact {\n source = "${origin.url("/disk.img")}"\n }`,
    };
    const job = jobOf({ web: own, db: own }, { restart: RESTARTS });
    const text = JSON.stringify(job).replaceAll(JSON.stringify(bed.image), '"local/disk.img"');
    await submit(JSON.parse(text) as typeof job);
    const { web = 0 } = await running(["web", "db"]);
    const { id } = copy();
    const [mine, theirs] = [taskDirs(bed.dirs, id, "web"), taskDirs(bed.dirs, id, "db")];
    const swap = `cd ${mine.local} && mv disk.img mine.img && ln -s ${theirs.local}/disk.img disk.img`;
    expect((await runAs(userOf("web"), swap)).code).toBe(0);
    process.kill(web, "SIGKILL");
    expect((await ended("web")).message).toContain(`a file of task "db"`);
    await expectStopped("db", "sibling task failed");
  });

  test("get nothing fetched into each other's directories", async () => {
    await using origin = await startOrigin({ "/x": { kind: "bytes", body: "x" } });
    const task = `meta {\n other = "db"\n }
      artifact {
        source      = "${origin.url("/x")}"
        destination = "../\${NOMAD_META_other}/local"
      }`;
    await submit(jobOf({ web: { task }, db: {} }));
    expect((await ended("web")).message).toContain(`its destination is in the directory of task "db"`);
    expect(existsSync(`${taskDirs(bed.dirs, copy().id, "db").local}/x`)).toBe(false);
    await ended("db");
  });

  const submitBeside = () => bed.submit({ id: "beside", config: 'disk = "overlay"' }, bed.image);
  const beside = () => {
    const [found] = bed.agent.allocations({ jobId: "beside" });
    if (found === undefined) throw new Error("nothing is beside");
    return found;
  };
});
