import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineSockets } from "../../src/paths.ts";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/until.ts";
import { CTRL_D, typeOn } from "../helpers/victim.ts";

async function runDemo(agent: ImageAgent, more: Parameters<typeof jobText>[0] = { image: "" }): Promise<void> {
  const text = jobText({ ...more, image: agent.demoDisk() });
  expect(await agent.run(["run", agent.jobFile(text)])).toMatchObject({ code: 0 });
  await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
}

const hasEnded = (agent: ImageAgent) =>
  until("the end", async () => (await newest(agent)).vm.Paddock.Machine === "ended");

test("why tells of a machine that runs, and after SIGKILL of how it ended, also when no agent was there", async () => {
  await using agent = await startImageAgent();
  await runDemo(agent);
  const before = await agent.run(["why", "demo"]);
  expect(before).toMatchObject({ code: 0, stderr: "" });
  expect(before.stdout).toMatch(/^job "demo", task "vm": running, for .*; it has not ended yet\n$/);
  await agent.kill();
  process.kill((await pidOf(agent)) ?? 0, "SIGKILL");
  await agent.start();
  await hasEnded(agent);
  const { code, stdout } = await agent.run(["why", "demo/vm"]);
  expect(code).toBe(0);
  const [verdict, ...rest] = stdout.split("\n");
  expect(verdict).toMatch(/^job "demo", task "vm": QEMU was killed by SIGKILL, .* after its start$/);
  expect(rest[0]).toStartWith("What to do   = ");
  expect(rest[1]).toBe("What is next = nothing, it stays so: Policy allows no restarts");
  expect(stdout).toContain(", while no agent ran; found at ");
  expect(stdout).toContain("| DEMO GUEST");
  expect(stdout).toContain("-device pvpanic");
  const json = JSON.parse((await agent.run(["why", "-json", "demo"])).stdout) as {
    End: { Ending: { Reason: string } };
  };
  expect(json.End.Ending.Reason).toBe("killed");
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
});

async function pidOf(agent: ImageAgent): Promise<number | undefined> {
  const [id = ""] = readdirSync(join(agent.dirs.dataDir, "alloc"));
  const status = readFileSync(join(agent.dirs.dataDir, "alloc", id, "vm", ".paddock", "status.1"), "latin1");
  return Number(status.split(" ")[0]);
}

test("why tells of arguments that QEMU refuses, in QEMU's words", async () => {
  await using agent = await startImageAgent();
  const config = 'args = ["-device", "no-such-device"]';
  expect((await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk(), config }))])).code).not.toBe(0);
  const { code, stdout } = await agent.run(["why", "demo"]);
  expect(code).toBe(0);
  expect(stdout.split("\n")[0]).toContain("'no-such-device' is not a valid device model name");
  expect(stdout).toContain("What is next = nothing, it stays so: Error was unrecoverable");
  expect(stdout).toContain("-device no-such-device");
});

test("a bundle of a guest's own power-off holds everything but what is secret, and is written over nothing", async () => {
  await using agent = await startImageAgent();
  const task = 'env {\n  DB_PASSWORD = "correct horse battery"\n}';
  await runDemo(agent, { image: "", task, config: 'args = ["-object", "secret,id=s,data=letmein"]' });
  const { id } = await newest(agent);
  typeOn(machineSockets(agent.dirs, id, "vm").serial, CTRL_D);
  await hasEnded(agent);
  const file = join(agent.dir, "demo.tar");
  const written = await agent.run(["why", "-bundle", file, "demo"]);
  expect(written.code).toBe(0);
  expect(written.stdout).toMatch(/demo\.tar: 12 files, \d+ KiB\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const box = join(agent.dir, "box");
  mkdirSync(box);
  execFileSync("tar", ["-xf", file, "-C", box]);
  const [top = ""] = readdirSync(box);
  expect(top).toMatch(/^paddock-demo-[0-9a-f]{8}-1$/);
  const files = readdirSync(join(box, top)).sort();
  expect(files).toEqual([
    "allocation.json",
    "argv.txt",
    "job-file.hcl",
    "job.json",
    "journal.ndjson",
    "node.json",
    "serial.log",
    "status",
    "stderr.log",
    "versions.json",
    "why.json",
    "why.txt",
  ]);
  const read = (name: string): string => readFileSync(join(box, top, name), "utf8");
  for (const name of files) expect(read(name)).not.toMatch(/correct horse|letmein/);
  expect(read("why.txt")).toContain("the guest powered off");
  expect(read("journal.ndjson")).toContain("guest-shutdown");
  expect(read("serial.log")).toContain("DEMO GUEST");
  expect(read("status")).toContain("exit 0");
  expect(read("job-file.hcl")).toContain('DB_PASSWORD = "***"');

  const again = await agent.run(["why", "-bundle", file, "demo"]);
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toContain("is there already");
  const precious = join(agent.dir, "precious");
  writeFileSync(precious, "mine");
  const link = join(agent.dir, "link.tar");
  symlinkSync(precious, link);
  expect((await agent.run(["why", "-bundle", link, "demo"])).code).toBe(1);
  expect((await agent.run(["why", "-force", "-bundle", link, "demo"])).code).toBe(0);
  expect(readFileSync(precious, "utf8")).toBe("mine");
  expect((await agent.run(["why", "-force", "-bundle", agent.dir, "demo"])).stderr).toContain("cannot write");
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
});
