import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { startAgent } from "../helpers/agent.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { isAlive } from "../helpers/processes.ts";
import { runPaddock } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

describe("an agent that is killed", () => {
  test("leaves its machine running; the next one takes it over and stops it by its button", async () => {
    await using agent = await startImageAgent();
    const file = agent.jobFile(jobText({ image: agent.demoDisk() }));
    expect(await agent.run(["run", file])).toMatchObject({ code: 0 });
    await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
    const before = (await newest(agent)).vm.Paddock;
    await agent.kill();
    expect(isAlive(before.Pid ?? 0)).toBe(true);
    await agent.start();
    const after = (await newest(agent)).vm.Paddock;
    expect(after).toMatchObject({ Machine: "running", Pid: before.Pid, Adopted: true });
    const stop = await agent.run(["stop", "demo"]);
    expect(stop).toMatchObject({ code: 0 });
    expect(stop.stdout + stop.stderr).toContain("power button");
    expect(isAlive(before.Pid ?? 0)).toBe(false);
  });

  test("learns at its next start how a machine ended meanwhile", async () => {
    await using agent = await startImageAgent();
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    const { Pid } = (await newest(agent)).vm.Paddock;
    await agent.kill();
    process.kill(Pid ?? 0, "SIGKILL");
    await until("QEMU to be gone", () => !isAlive(Pid ?? 0));
    await agent.start();
    expect(await newest(agent)).toMatchObject({ status: "failed", vm: { State: "dead", Failed: true } });
    expect((await agent.run(["status", "demo"])).stdout).toContain("SIGKILL");
  });

  test("in the middle of a start loses nothing and starts nothing twice", async () => {
    await using agent = await startImageAgent();
    const file = agent.jobFile(jobText({ image: agent.demoDisk() }));
    for (let round = 0; round < 3; round++) {
      const detached = agent.run(["run", "-detach", file]);
      await until("the job to be known", async () => (await (await agent.request("/v1/jobs")).text()).includes("demo"));
      await agent.kill();
      await detached;
      await agent.start();
      await until("the machine to run", async () => (await newest(agent)).status === "running");
      const { Pid } = (await newest(agent)).vm.Paddock;
      expect(existsSync(`/proc/${Pid}`)).toBe(true);
      const list = (await (await agent.request("/v1/allocations")).json()) as { ClientStatus: string }[];
      expect(list.filter(({ ClientStatus }) => ClientStatus === "running")).toHaveLength(1);
      expect(await agent.run(["stop", "-purge", "demo"])).toMatchObject({ code: 0 });
    }
    await agent.stop();
    await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
  });
});

describe("an agent", () => {
  test("ends by SIGTERM with exit code 0 and leaves its machines running", async () => {
    await using agent = await startImageAgent();
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    const { Pid } = (await newest(agent)).vm.Paddock;
    expect(await agent.stop()).toBe(0);
    expect(isAlive(Pid ?? 0)).toBe(true);
    expect(existsSync(`${agent.dirs.runDir}/api.sock`)).toBe(false);
    await agent.start();
    expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
  });

  test("listens on a socket for its owner and group, and nowhere else", async () => {
    await using agent = await startAgent();
    expect(statSync(`${agent.dirs.runDir}/api.sock`).mode & 0o777).toBe(0o660);
    const inodes = [
      ...readFileSync("/proc/net/tcp", "utf8").split("\n"),
      ...readFileSync("/proc/net/tcp6", "utf8").split("\n"),
    ]
      .map((line) => line.trim().split(/\s+/)[9])
      .filter((inode) => inode !== undefined && inode !== "0");
    const { readdirSync, readlinkSync } = await import("node:fs");
    const sockets = readdirSync(`/proc/${agent.pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${agent.pid}/fd/${fd}`)];
      } catch (error) {
        if ((error as { code?: string }).code === "ENOENT") return [];
        throw error;
      }
    });
    expect(sockets.filter((name) => inodes.some((inode) => name === `socket:[${inode}]`))).toEqual([]);
  });

  test("is the only one of its data directory, and says who holds it", async () => {
    await using agent = await startAgent();
    await using other = tempDir();
    const second = await runPaddock(["agent", "-data-dir", agent.dirs.dataDir, "-run-dir", other.file("run")]);
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toContain(`another agent runs with the data directory ${agent.dirs.dataDir}`);
    // As of a machine that the one which runs is just about to start.
    const sockets = `${agent.dirs.runDir}/00000000-0000`;
    mkdirSync(sockets);
    const third = await runPaddock(["agent", "-data-dir", other.file("data"), "-run-dir", agent.dirs.runDir]);
    expect(existsSync(sockets)).toBe(true);
    expect(third).toMatchObject({ code: 1 });
    expect(third.stderr).toContain(`another agent answers at ${agent.dirs.runDir}/api.sock`);
    expect((await agent.request("/v1/agent/health")).status).toBe(200);
  });

  test("refuses an unknown key of its configuration with a suggestion", async () => {
    await using dir = tempDir();
    await Bun.write(dir.file("paddock.hcl"), 'data_dri = "/x"\n');
    const result = await runPaddock(["agent", "-config", dir.file("paddock.hcl")]);
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain("paddock.hcl:1:1:");
    expect(result.stderr).toContain('did you mean "data_dir"?');
  });

  test("replaces the socket file that a killed agent left", async () => {
    await using agent = await startAgent();
    await agent.kill();
    expect(existsSync(`${agent.dirs.runDir}/api.sock`)).toBe(true);
    await agent.start();
    expect((await agent.request("/v1/agent/health")).status).toBe(200);
  });
});

test("two machines run side by side and each is stopped by its own name", async () => {
  await using agent = await startImageAgent();
  for (const id of ["one", "two"]) {
    const file = agent.jobFile(jobText({ id, image: agent.demoDisk(`${id}.img`) }), `${id}.hcl`);
    expect(await agent.run(["run", file])).toMatchObject({ code: 0 });
  }
  expect(await agent.run(["stop", "one"])).toMatchObject({ code: 0 });
  expect((await newest(agent, "two")).status).toBe("running");
  expect(await agent.run(["stop", "two"])).toMatchObject({ code: 0 });
});
