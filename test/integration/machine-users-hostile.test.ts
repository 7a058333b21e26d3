import { expect, setDefaultTimeout, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { machineSockets } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { writeDemoDisk } from "../helpers/in-process-agent.ts";
import { asRoot, machineUsers, RESTART, runAs } from "../helpers/machine-users.ts";
import { startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);
const { start, live, ended, newest, dirsOf, userOf, crash } = machineUsers(bed);

asRoot("a hostile machine that owns its directory", () => {
  test("cannot have another machine's disk handed to it through a link in local/", async () => {
    await using origin = await startOrigin({ "/disk.img": { kind: "bytes", body: readFileSync(bed.image) } });
    await start();
    const other = writeDemoDisk(bed.dir.path, "other.img");
    const artifact = `artifact {\n source = "${origin.url("/disk.img")}"\n }`;
    await bed.submit({ restart: RESTART, task: artifact, config: 'disk = "direct"' }, "local/disk.img");
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
    await bed.submit({ restart: RESTART });
    const { identity } = await live();
    const { task } = dirsOf();
    const target = bed.dir.file("target");
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
    await bed.submit({ restart: RESTART });
    const { identity } = await live();
    const { task } = dirsOf();
    await runAs(userOf(), `mv ${task}/.paddock ${task}/away && mkdir ${task}/.paddock`);
    process.kill(identity.pid, "SIGKILL");
    expect((await ended()).ending.message).toContain(`belongs to user ${userOf().uid}`);
    expect(readdirSync(join(task, ".paddock"))).toEqual([]);
  });

  test("changes no mode and no owner of what links in its directory lead to", async () => {
    await start();
    await bed.submit({ restart: RESTART });
    await live();
    const { task } = dirsOf();
    const target = bed.dir.file("target");
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
    await bed.submit({ restart: RESTART });
    const { identity } = await live();
    const target = bed.dir.file("target");
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
    await bed.submit({ task: 'kill_timeout = "1s"' });
    await bed.submit({ id: "other" }, writeDemoDisk(bed.dir.path, "other.img"));
    await live();
    const victim = await live("other");
    const [mine, theirs] = ["demo", "other"].map((job) => machineSockets(bed.dirs, newest(job).id, "vm"));
    const user = userOf();
    bed.running.close();
    await runAs(user, `rm ${mine?.qmp} && ln -s ${theirs?.qmp} ${mine?.qmp}`);
    await start();
    await until("the victim's monitor", async () => (await live("other")).guest === "running");
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending.stop?.rung).toBe("SIGTERM");
    expect(readStat(victim.identity.pid)?.startTime).toBe(victim.identity.startTime);
    expect((await live("other")).guest).toBe("running");
  });

  test("does not lead the agent to a socket of the host's that somebody else serves", async () => {
    await start();
    await bed.submit({ task: 'kill_timeout = "1s"' });
    await live();
    const sockets = machineSockets(bed.dirs, newest().id, "vm");
    bed.running.close();
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(bed.dir.file("host.sock"), resolve));
    rmSync(sockets.qmp);
    renameSync(bed.dir.file("host.sock"), sockets.qmp);
    await start();
    await bed.agent.deregisterJob("demo", { purge: false });
    await ended();
    server.close();
    expect(connections).toBe(0);
  });

  test("ends although a directory stands where its monitor's link was", async () => {
    await start();
    await bed.submit();
    await live();
    await runAs(userOf(), `cd ${dirsOf().task} && rm qm.sock && mkdir qm.sock`);
    await bed.agent.deregisterJob("demo", { purge: false });
    expect((await ended()).ending.reason).toBe("guest-shutdown");
    expect(readdirSync(bed.dir.file("run"))).toEqual([]);
  });
});
