import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { paddockBinary } from "../helpers/binary.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { runPaddock, runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

const root = process.getuid?.() === 0;

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");
const uidsOf = (pid: number): string[] => /^Uid:\t(.*)$/m.exec(statusOf(pid))?.[1]?.split("\t") ?? [];

describe.skipIf(!root)("a machine of root's agent", () => {
  test("has a user of its own, which the CLI shows, no rights, and no way to the agent", async () => {
    await using agent = await startImageAgent();
    const image = agent.demoDisk();
    chmodSync(image, 0o600);
    expect(await agent.run(["run", agent.jobFile(jobText({ image }))])).toMatchObject({ code: 0 });
    const { id, vm } = await newest(agent);
    const pid = vm.Paddock.Pid ?? 0;
    const [uid = ""] = uidsOf(pid);
    expect(Number(uid)).toBeGreaterThanOrEqual(80_000);
    expect(Number(uid)).toBeLessThanOrEqual(89_999);
    expect(new Set(uidsOf(pid)).size).toBe(1);
    const status = statusOf(pid);
    for (const line of [/^Groups:\t\s*$/m, /^CapEff:\t0+$/m, /^CapPrm:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m]) {
      expect(status).toMatch(line);
    }
    const gid = /^Gid:\t(\d+)/m.exec(status)?.[1] ?? "";
    expect((await agent.run(["alloc", "status", id])).stdout).toMatch(new RegExp(`User += ${uid}, group ${gid}`));
    expect((await agent.run(["explain", "demo"])).stdout).toContain(`User: ${uid}, group ${gid}`);
    expect((await agent.run(["node", "status"])).stdout).toMatch(/driver\.qemu\.dynamic_workload_users += 1/);

    const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"] as const;
    const asked = await runProgram([...as, paddockBinary(), "ps"], { env: { PADDOCK_ADDR: agent.address } });
    expect(asked.code).toBe(1);
    expect(asked.stderr.toLowerCase()).toContain("permission");
    expect(await runProgram([...as, "cat", `${agent.dirs.dataDir}/paddock.db`])).toMatchObject({ code: 1 });

    await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
    expect(statSync(`${agent.dirs.dataDir}/alloc/${id}/alloc/logs/vm.stdout.0`).uid).toBe(Number(uid));
    const stop = await agent.run(["stop", "demo"]);
    expect(stop).toMatchObject({ code: 0 });
    expect(stop.stdout + stop.stderr).toContain("power button");
    expect(statSync(`${agent.dirs.dataDir}/alloc/${id}`).mode & 0o777).toBe(0o700);
  });

  test("takes what is typed at its console, and its log goes on with its user", async () => {
    await using agent = await startImageAgent();
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    const { id, vm } = await newest(agent);
    expect(Number(uidsOf(vm.Paddock.Pid ?? 0)[0])).toBeGreaterThanOrEqual(80_000);
    await until("the guest", async () => (await agent.run(["logs", "demo"])).stdout.includes("tick 1"));
    const typed = await agent.run(["console", "-exit-on-eof", "demo"], { stdin: "-".repeat(50), deadline: 60_000 });
    expect(typed.stdout).toContain("----------");
    expect(typed.stderr).not.toContain("lost");
    const times = `${agent.dirs.dataDir}/alloc/${id}/.vm.stdout.times`;
    await until("its times", async () => {
      expect((await agent.run(["logs", "-timestamps", "demo"])).stdout).toMatch(/\d\d:\d\d tick 1/);
      return statSync(times).uid === 0;
    });
  });

  test("runs as root where it is told to", async () => {
    const dir = tempDir();
    await using _ = dir;
    const config = `plugin "qemu" {\n config {\n image_paths = ["${dir.path}"]\n dynamic_workload_users = false\n }\n }`;
    await using agent = await startImageAgent({ dir: dir.path, config });
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    expect(uidsOf((await newest(agent)).vm.Paddock.Pid ?? 0)).toEqual(["0", "0", "0", "0"]);
    expect((await agent.run(["explain", "demo"])).stdout).toContain("User: the agent's own");
    expect(agent.output()).not.toContain("machines run as root");
  });

  test("runs as root in a directory that its user cannot reach, which the agent says, or refuses when users are asked for", async () => {
    await using dir = tempDir();
    chmodSync(dir.path, 0o700);
    const agent = await startImageAgent({ dir: dir.path });
    try {
      expect(agent.output()).toContain(`may not pass through ${dir.path}`);
      expect(agent.output()).toContain("machines run as root instead of users of their own");
    } finally {
      await agent[Symbol.asyncDispose]();
    }
    await Bun.write(dir.file("must.hcl"), 'plugin "qemu" {\n config {\n dynamic_workload_users = true\n }\n}\n');
    const dirs = ["-data-dir", dir.file("data"), "-run-dir", dir.file("run")];
    const refused = await runPaddock(["agent", "-config", dir.file("must.hcl"), ...dirs]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("dynamic_workload_users is set, but the users of machines may not pass through");
    expect(refused.stderr).toContain(`chmod o+x ${dir.path}`);
  });
});

test("a machine of an ordinary user's agent runs as that user", async () => {
  if (root) return;
  await using agent = await startImageAgent();
  expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
  const { id, vm } = await newest(agent);
  expect(uidsOf(vm.Paddock.Pid ?? 0)[0]).toBe(String(process.getuid?.()));
  expect((await agent.run(["alloc", "status", id])).stdout).toMatch(/User += the agent's own/);
  expect(agent.output()).not.toContain("machines run as root");
});
