import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { processUids } from "../../src/node/users.ts";
import { machineSockets, taskDirs } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import {
  consoleOf,
  demoJob,
  type InProcessAgent,
  type InProcessOptions,
  imagesDir,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { startOrigin } from "../helpers/origin.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/** Not root's own range: tests may run beside an agent. */
const range = (count: number): InProcessOptions => ({ users: { wanted: true, min: 71_000, max: 71_000 + count - 1 } });

let dir: TempDir;
let running: InProcessAgent;
let image: string;

beforeEach(() => {
  dir = tempDir();
  image = writeDemoDisk(dir.path);
});

afterEach(async () => {
  for (const allocation of running.agent.allocations({})) {
    const machine = running.agent.allocation(allocation.id).tasks["vm"]?.machine;
    if (machine?.kind !== "running" && machine?.kind !== "stopping") continue;
    if (readStat(machine.identity.pid) !== null) process.kill(machine.identity.pid, "SIGKILL");
  }
  running.close();
  await dir[Symbol.asyncDispose]();
});

const start = async (options: InProcessOptions = range(1_000)) => {
  running = await startInProcess(dir.path, options);
};
const comeBack = async (options?: InProcessOptions) => {
  running.close();
  await start(options);
};
const submit = (more: Parameters<typeof demoJob>[1] = {}, disk = image) =>
  running.agent.registerJob(demoJob(disk, more), null, {});
/** The wrapper of a machine that has ended may need a moment to go. */
const submitWhenFree = (more: Parameters<typeof demoJob>[1], disk = image) =>
  until("a user to be free", () => submit(more, disk));
const live = (jobId = "demo") => machineOf(running.agent, "running", jobId);
const ended = (jobId = "demo") => machineOf(running.agent, "ended", jobId);
const newest = (jobId = "demo") => {
  const allocation = running.agent.allocations({ jobId }).at(-1);
  if (allocation === undefined) throw new Error(`no allocation of ${jobId}`);
  return allocation;
};
const agentDirs = () => ({ dataDir: dir.file("data"), runDir: dir.file("run") });
const dirsOf = (jobId = "demo") => taskDirs(agentDirs(), newest(jobId).id, "vm");
const userOf = (jobId = "demo") => {
  const user = newest(jobId).tasks["vm"]?.user;
  if (!user) throw new Error(`the machine of ${jobId} has no user of its own`);
  return user;
};

/** Runs a shell as a machine's user, as something that has broken out of QEMU would. */
async function runAs(user: { uid: number; gid: number }, script: string) {
  const child = Bun.spawn(["/bin/sh", "-c", script], { ...user, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const RESTART = 'attempts = 3\n interval = "1h"\n delay = "50ms"\n mode = "fail"';
/** Kills the machine and waits for its restart. */
async function crash(): Promise<void> {
  const before = await live();
  process.kill(before.identity.pid, "SIGKILL");
  await until("the next start", async () => (await live()).generation > before.generation);
}

const fieldsOf = (pid: number): Map<string, string> =>
  new Map(
    readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .map((line) => [line.split(":")[0] ?? "", line.split(":")[1]?.trim() ?? ""]),
  );

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot("a machine of root's agent", () => {
  test("runs as a user of its own, with no rights, no groups, in QEMU's sandbox, and with our environment only", async () => {
    await start();
    await submit();
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
    await submit();
    await submit({ id: "other" }, writeDemoDisk(dir.path, "other.img"));
    const { identity } = await live();
    await live("other");
    const [mine, other] = [userOf(), userOf("other")];
    expect(mine.uid).not.toBe(other.uid);
    const [own, theirs] = [dirsOf(), dirsOf("other")];
    expect(await runAs(mine, `ls ${own.task} && echo x > ${own.tmp}/x && cat ${own.logs}/vm.stdout.0`)).toMatchObject({
      code: 0,
    });
    const sockets = machineSockets(agentDirs(), newest("other").id, "vm");
    const denied = [
      `cat ${dir.file("data", "paddock.db")}`,
      `ls ${dir.file("data")}`,
      `ls ${dir.file("run")}`,
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
      `cat ${image}`,
      `kill -0 ${(await live("other")).identity.pid}`,
      `kill -0 ${process.pid}`,
    ];
    chmodSync(image, 0o600);
    const allowed: string[] = [];
    for (const script of denied) if ((await runAs(mine, script)).code === 0) allowed.push(script);
    expect(allowed).toEqual([]);
    expect(readStat(identity.pid)).not.toBeNull();
  });

  test("boots an image that only root may read, and speaks on its console", async () => {
    await start();
    chmodSync(image, 0o600);
    chmodSync(imagesDir(dir.path), 0o700);
    await submit();
    await until("the guest's banner", async () => (await consoleOf(running.agent)).includes("DEMO GUEST"));
    expect(statSync(image).uid).toBe(0);
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending).toMatchObject({ reason: "guest-shutdown", stop: { rung: "powerdown" } });
  });

  test("may use relative files in args, which belong to it, and write new ones", async () => {
    await start();
    await submit({ config: 'args = ["-chardev", "file,id=f,path=out.txt", "-device", "isa-debugcon,chardev=f"]' });
    await live();
    expect(statSync(join(dirsOf().task, "out.txt")).uid).toBe(userOf().uid);
  });

  test("keeps its user over a restart, and its files with it", async () => {
    await start();
    await submit({ restart: RESTART });
    await live();
    const user = userOf();
    await until("the guest's banner", async () => (await consoleOf(running.agent)).includes("DEMO GUEST"));
    await crash();
    expect(userOf()).toEqual(user);
    expect(processUids((await live()).identity.pid)?.[0]).toBe(user.uid);
    await until("the banner again", async () => (await consoleOf(running.agent)).split("DEMO GUEST").length > 2);
  });
});

asRoot("a range of users", () => {
  test("of one is exhausted by one machine: the next job is refused, and taken when the first has ended", async () => {
    await start(range(1));
    await submit();
    await live();
    const other = writeDemoDisk(dir.path, "other.img");
    await expect(submit({ id: "other" }, other)).rejects.toThrow(
      "no user is left for the machine: every uid from 71000 to 71000 is taken",
    );
    expect(running.agent.jobs("other")).toEqual([]);
    await running.agent.deregisterJob("demo", { purge: false });
    await ended();
    await submitWhenFree({ id: "other" }, other);
    await live("other");
    expect(userOf("other").uid).toBe(71_000);
  });

  test("knows the users of machines that a former agent has started", async () => {
    await start(range(1));
    await submit();
    await live();
    await comeBack(range(1));
    expect((await live()).adopted).toBe(true);
    await expect(submit({ id: "other" })).rejects.toThrow("no user is left");
  });

  test("is closed to the next machine with what a machine of before has left", async () => {
    await start(range(1));
    await submit();
    await live();
    const [left, user] = [dirsOf(), userOf()];
    await running.agent.deregisterJob("demo", { purge: false });
    await ended();
    await submitWhenFree({ id: "next" });
    await live("next");
    expect(userOf("next")).toEqual(user);
    expect((await runAs(user, `ls ${left.task}`)).code).not.toBe(0);
    expect((await runAs(user, `cat ${left.logs}/vm.stdout.0`)).code).not.toBe(0);
  });
});

asRoot("what root could and a machine's user cannot is told before QEMU starts:", () => {
  const refuse = async (more: Parameters<typeof demoJob>[1]): Promise<string> => {
    await submit(more);
    const { ending } = await ended();
    expect(ending).toMatchObject({ reason: "not-started", failed: true });
    return `${ending.message} ${ending.hint}`;
  };

  test("a file in args that it may not read, with its place and a way out", async () => {
    await start();
    const secret = dir.file("secret.img");
    writeFileSync(secret, new Uint8Array(1 << 20), { mode: 0o600 });
    const said = await refuse({ config: `args = ["-nodefaults", "-drive", "file=${secret},format=raw,if=virtio"]` });
    expect(said).toContain(`config.args[1]: ${secret} cannot be read and written by user ${userOf().uid}`);
    expect(said).toContain("dynamic_workload_users = false");
    chmodSync(secret, 0o666);
    await submit({ id: "open", config: `args = ["-drive", "file=${secret},format=raw,if=virtio"]` });
    await live("open");
  });

  test("a directory that it may not write to", async () => {
    await start();
    const said = await refuse({ config: `args = ["-chardev", "file,id=f,path=${dir.path}/out.txt"]` });
    expect(said).toContain(`${dir.path}/out.txt cannot be written by user ${userOf().uid}`);
  });

  test("nothing about what lies where it may not look: a file that is not there is told like one that is", async () => {
    await start();
    mkdirSync(dir.file("closed"), { mode: 0o700 });
    writeFileSync(dir.file("closed", "there.iso"), "x");
    const said = await refuse({
      config: `args = ["-cdrom", "${dir.path}/closed/there.iso", "-kernel", "${dir.path}/closed/none"]`,
    });
    for (const name of ["there.iso", "none"]) expect(said).toContain(`closed/${name} cannot be read by user`);
  });

  test("a tap device that it cannot make", async () => {
    await start();
    const said = await refuse({ config: 'args = ["-netdev", "tap,id=n,ifname=pdk9,script=no,downscript=no"]' });
    expect(said).toContain("there is no tap device pdk9");
    expect(said).toContain("ip tuntap add");
  });

  test("a port below those that everybody may open, when the job is handed in", async () => {
    await start();
    const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
    const port = first - 1;
    const group = `network {\n port "web" {\n static = ${port}\n }\n }`;
    await expect(submit({ group, config: "port_map {\n web = 80\n }" })).rejects.toThrow(
      `port ${port} (label "web") is root's alone`,
    );
    expect(running.agent.jobs("")).toEqual([]);
  });
});

asRoot("a hostile machine that owns its directory", () => {
  test("cannot have another machine's disk handed to it through a link in local/", async () => {
    await using origin = await startOrigin({ "/disk.img": { kind: "bytes", body: readFileSync(image) } });
    await start();
    const other = writeDemoDisk(dir.path, "other.img");
    const artifact = `artifact {\n source = "${origin.url("/disk.img")}"\n }`;
    await submit({ restart: RESTART, task: artifact }, "local/disk.img");
    const { identity } = await live();
    const { local } = dirsOf();
    expect(statSync(join(local, "disk.img")).uid).toBe(userOf().uid);
    expect(await runAs(userOf(), `rm ${local}/disk.img && ln -s ${other} ${local}/disk.img`)).toMatchObject({
      code: 0,
    });
    process.kill(identity.pid, "SIGKILL");
    expect((await ended()).ending.message).toContain(`a symbolic link out of the allocation (${other})`);
  });

  test("makes root write nothing through a link in the place of the agent's directory", async () => {
    await start();
    await submit({ restart: RESTART });
    const { identity } = await live();
    const { task } = dirsOf();
    const target = dir.file("target");
    mkdirSync(target);
    expect(await runAs(userOf(), `mv ${task}/.paddock ${task}/away && ln -s ${target} ${task}/.paddock`)).toMatchObject(
      {
        code: 0,
      },
    );
    process.kill(identity.pid, "SIGKILL");
    const { ending } = await ended();
    expect(ending).toMatchObject({ reason: "not-started", failed: true });
    expect(ending.message).toContain("the machine has put something in its place");
    expect(readdirSync(target)).toEqual([]);
  });

  test("nor into a directory of its own there", async () => {
    await start();
    await submit({ restart: RESTART });
    const { identity } = await live();
    const { task } = dirsOf();
    await runAs(userOf(), `mv ${task}/.paddock ${task}/away && mkdir ${task}/.paddock`);
    process.kill(identity.pid, "SIGKILL");
    expect((await ended()).ending.message).toContain(`belongs to user ${userOf().uid}`);
    expect(readdirSync(join(task, ".paddock"))).toEqual([]);
  });

  test("changes no mode and no owner of what links in its directory lead to", async () => {
    await start();
    await submit({ restart: RESTART });
    await live();
    const { task } = dirsOf();
    const target = dir.file("target");
    mkdirSync(target, { mode: 0o755 });
    writeFileSync(join(target, "file"), "host", { mode: 0o644 });
    await runAs(
      userOf(),
      `cd ${task} && rmdir secrets tmp && ln -s ${target} secrets && ln -s ${target} tmp && ln -s ${target}/file local/x`,
    );
    await crash();
    expect(lstatSync(join(task, "secrets")).isSymbolicLink()).toBe(true);
    for (const path of [target, join(target, "file")]) expect(statSync(path)).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(target).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(target, "file"), "utf8")).toBe("host");
  });

  test("gets nothing appended to a file of the host's by a link in the place of its log", async () => {
    await start();
    await submit({ restart: RESTART });
    const { identity } = await live();
    const target = dir.file("target");
    writeFileSync(target, "host");
    const log = join(dirsOf().logs, "vm.stdout.0");
    await runAs(userOf(), `rm ${log} && ln -s ${target} ${log}`);
    process.kill(identity.pid, "SIGKILL");
    await until("the machine to start again or not", async () => {
      const { machine } = newest().tasks["vm"] ?? {};
      return machine?.kind === "ended" || (machine?.kind === "running" && machine.generation === 2);
    });
    expect(readFileSync(target, "utf8")).toBe("host");
    expect(statSync(target).uid).toBe(0);
  });

  test("does not lead the agent to another machine's monitor by a link in the place of its own", async () => {
    await start();
    await submit({ task: 'kill_timeout = "1s"' });
    await submit({ id: "other" }, writeDemoDisk(dir.path, "other.img"));
    await live();
    const victim = await live("other");
    const [mine, theirs] = ["demo", "other"].map((job) => machineSockets(agentDirs(), newest(job).id, "vm"));
    const user = userOf();
    running.close();
    await runAs(user, `rm ${mine?.qmp} && ln -s ${theirs?.qmp} ${mine?.qmp}`);
    await start();
    await until("the victim's monitor", async () => (await live("other")).guest === "running");
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending.stop?.rung).toBe("SIGTERM");
    expect(readStat(victim.identity.pid)?.startTime).toBe(victim.identity.startTime);
    expect((await live("other")).guest).toBe("running");
  });

  test("does not lead the agent to a socket of the host's that somebody else serves", async () => {
    await start();
    await submit({ task: 'kill_timeout = "1s"' });
    await live();
    const sockets = machineSockets(agentDirs(), newest().id, "vm");
    running.close();
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(dir.file("host.sock"), resolve));
    rmSync(sockets.qmp);
    renameSync(dir.file("host.sock"), sockets.qmp);
    await start();
    await running.agent.deregisterJob("demo", { purge: false });
    await ended();
    server.close();
    expect(connections).toBe(0);
  });

  test("ends although a directory stands where its monitor's link was", async () => {
    await start();
    await submit();
    await live();
    await runAs(userOf(), `cd ${dirsOf().task} && rm qm.sock && mkdir qm.sock`);
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending.reason).toBe("guest-shutdown");
    expect(readdirSync(dir.file("run"))).toEqual([]);
  });
});

asRoot("a machine of an agent that gave no users", () => {
  const NONE: InProcessOptions = { users: { wanted: false, min: 71_000, max: 71_999 } };

  test("is adopted and stopped as what it is", async () => {
    await start(NONE);
    await submit();
    const before = await live();
    expect(processUids(before.identity.pid)).toEqual([0, 0, 0, 0]);
    await until("the guest's banner", async () => (await consoleOf(running.agent)).includes("DEMO GUEST"));
    await comeBack();
    await until("the monitor", async () => (await live()).guest === "running");
    expect((await live()).identity).toEqual(before.identity);
    await running.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending).toMatchObject({ reason: "guest-shutdown", stop: { rung: "powerdown" } });
  });

  test("gets one at its next start, with all its files, and loses it again when there are to be none", async () => {
    await start(NONE);
    await submit({ restart: RESTART });
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
  await submit();
  expect(processUids((await live()).identity.pid)?.[0]).toBe(process.getuid?.());
});
