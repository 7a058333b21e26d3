import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processUids } from "../../src/node/users.ts";
import { machineSockets } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, consoleOf, type InProcessOptions, imagesDir, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { asRoot, machineUsers, RESTART, range, runAs } from "../helpers/machine-users.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);
const { start, comeBack, submitWhenFree, live, ended, newest, dirsOf, userOf, crash } = machineUsers(bed);

const fieldsOf = (pid: number): Map<string, string> =>
  new Map(
    readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .map((line) => [line.split(":")[0] ?? "", line.split(":")[1]?.trim() ?? ""]),
  );

asRoot("a machine of root's agent", () => {
  test("runs as a user of its own, with no rights, no groups, in QEMU's sandbox, and with our environment only", async () => {
    await start();
    await bed.submit();
    const { identity } = await live();
    const user = userOf();
    const four = (id: number) => Array(4).fill(id).join("\t");
    const status = fieldsOf(identity.pid);
    expect(user.uid).toBeGreaterThanOrEqual(71_000);
    expect(user.uid).toBeLessThan(72_000);
    expect(Object.fromEntries(status)).toMatchObject({
      Uid: four(user.uid),
      Gid: four(user.gid),
      Groups: "",
      CapInh: "0000000000000000",
      CapPrm: "0000000000000000",
      CapEff: "0000000000000000",
      CapAmb: "0000000000000000",
      NoNewPrivs: "1",
      Seccomp: "2",
    });
    const names = readFileSync(`/proc/${identity.pid}/environ`, "utf8")
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => entry.split("=")[0]);
    // Shells of some hosts add their own.
    expect(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name ?? "")).toSorted()).toEqual([
      "LC_ALL",
      "PATH",
      "TMPDIR",
    ]);
    const limits = readFileSync(`/proc/${identity.pid}/limits`, "utf8");
    expect(limits).toMatch(/Max core file size +0 +0 /);
    expect(limits).toMatch(/Max processes +4096 +4096 /);
    const wrapper = Number(status.get("PPid"));
    expect(processUids(wrapper)).toEqual(Array(4).fill(user.uid));
  });

  test("reaches its own directory and neither the agent nor another machine", async () => {
    await start();
    await bed.submit();
    await bed.submit({ id: "other" }, writeDemoDisk(bed.dir.path, "other.img"));
    const { identity } = await live();
    await live("other");
    const [mine, other] = [userOf(), userOf("other")];
    expect(mine.uid).not.toBe(other.uid);
    const [own, theirs] = [dirsOf(), dirsOf("other")];
    expect(await runAs(mine, `ls ${own.task} && echo x > ${own.tmp}/x && cat ${own.logs}/vm.stdout.0`)).toMatchObject({
      code: 0,
    });
    const sockets = machineSockets(bed.dirs, newest("other").id, "vm");
    const denied = [
      `cat ${bed.dir.file("data", "paddock.db")}`,
      `ls ${bed.dir.file("data")}`,
      `ls ${bed.dir.file("run")}`,
      `ls ${own.alloc}`,
      `ls ${own.machine}`,
      `cat ${own.machine}/intent.1`,
      `cat ${own.machine}/status.1`,
      `echo 'exit 0' >> ${own.machine}/status.1`,
      `touch ${own.machine}/status.2`,
      `mv ${own.shared}/logs ${own.shared}/gone`,
      `ls ${theirs.task}`,
      `ls ${theirs.logs}`,
      `cat ${theirs.logs}/vm.stdout.0`,
      `cat ${theirs.machine}/ev.1.out`,
      `ls ${sockets.dir}`,
      `[ -w ${sockets.qmp} ]`,
      `cat ${bed.image}`,
      `kill -0 ${(await live("other")).identity.pid}`,
      `kill -0 ${process.pid}`,
    ];
    chmodSync(bed.image, 0o600);
    const allowed: string[] = [];
    for (const script of denied) if ((await runAs(mine, script)).code === 0) allowed.push(script);
    expect(allowed).toEqual([]);
    expect(readStat(identity.pid)).not.toBeNull();
  });

  test("boots an image that only root may read, and speaks on its console", async () => {
    await start();
    chmodSync(bed.image, 0o600);
    chmodSync(imagesDir(bed.dir.path), 0o700);
    await bed.submit();
    await bannerOf(bed.agent);
    expect(statSync(bed.image).uid).toBe(0);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending).toMatchObject({ reason: "guest-shutdown", stop: { rung: "powerdown" } });
  });

  test("may use relative files in args, which belong to it, and write new ones", async () => {
    await start();
    await bed.submit({ config: 'args = ["-chardev", "file,id=f,path=out.txt", "-device", "isa-debugcon,chardev=f"]' });
    await live();
    expect(statSync(join(dirsOf().task, "out.txt")).uid).toBe(userOf().uid);
  });

  test("keeps its user over a restart, and its files with it", async () => {
    await start();
    await bed.submit({ restart: RESTART });
    await live();
    const user = userOf();
    await bannerOf(bed.agent);
    await crash();
    expect(userOf()).toEqual(user);
    expect(processUids((await live()).identity.pid)?.[0]).toBe(user.uid);
    await until("the banner again", async () => (await consoleOf(bed.agent)).split("DEMO GUEST").length > 2);
  });
});

asRoot("a range of users", () => {
  test("of one is exhausted by one machine: the next job is refused, and taken when the first has ended", async () => {
    await start(range(1));
    await bed.submit();
    await live();
    const other = writeDemoDisk(bed.dir.path, "other.img");
    await expect(bed.submit({ id: "other" }, other)).rejects.toThrow(
      "no user is left for the machine: every uid from 71000 to 71000 is taken",
    );
    expect(bed.agent.jobs("other")).toEqual([]);
    await bed.agent.deregisterJob("demo", { purge: false });
    await ended();
    await submitWhenFree({ id: "other" }, other);
    await live("other");
    expect(userOf("other").uid).toBe(71_000);
  });

  test("knows the users of machines that a former agent has started", async () => {
    await start(range(1));
    await bed.submit();
    await live();
    await comeBack(range(1));
    expect((await live()).adopted).toBe(true);
    await expect(bed.submit({ id: "other" })).rejects.toThrow("no user is left");
  });

  test("is closed to the next machine with what a machine of before has left", async () => {
    await start(range(1));
    await bed.submit();
    await live();
    const [left, user] = [dirsOf(), userOf()];
    await bed.agent.deregisterJob("demo", { purge: false });
    await ended();
    await submitWhenFree({ id: "next" });
    await live("next");
    expect(userOf("next")).toEqual(user);
    expect((await runAs(user, `ls ${left.task}`)).code).not.toBe(0);
    expect((await runAs(user, `cat ${left.logs}/vm.stdout.0`)).code).not.toBe(0);
  });
});

asRoot("a machine of an agent that gave no users", () => {
  const NONE: InProcessOptions = { users: { wanted: false, min: 71_000, max: 71_999 } };

  test("is adopted and stopped as what it is", async () => {
    await start(NONE);
    await bed.submit();
    const before = await live();
    expect(processUids(before.identity.pid)).toEqual([0, 0, 0, 0]);
    await bannerOf(bed.agent);
    await comeBack();
    await until("the monitor", async () => (await live()).guest === "running");
    expect((await live()).identity).toEqual(before.identity);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending).toMatchObject({ reason: "guest-shutdown", stop: { rung: "powerdown" } });
  });

  test("gets one at its next start, with all its files, and loses it again when there are to be none", async () => {
    await start(NONE);
    await bed.submit({ restart: RESTART });
    await live();
    writeFileSync(join(dirsOf().local, "data.img"), "data", { mode: 0o600 });
    await comeBack();
    await crash();
    const { uid } = userOf();
    expect(processUids((await live()).identity.pid)?.[0]).toBe(uid);
    expect(statSync(join(dirsOf().local, "data.img")).uid).toBe(uid);
    await comeBack(NONE);
    await crash();
    expect(newest().tasks["vm"]?.user).toBeNull();
    expect(processUids((await live()).identity.pid)?.[0]).toBe(0);
  });
});

test.skipIf(process.getuid?.() === 0)("an agent of an ordinary user runs machines as itself", async () => {
  await start({ users: { wanted: undefined, min: 71_000, max: 71_999 } });
  await bed.submit();
  expect(processUids((await live()).identity.pid)?.[0]).toBe(process.getuid?.());
});
