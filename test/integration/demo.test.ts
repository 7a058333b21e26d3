import { expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { createPrivateAgent } from "../../src/cli/host/private-agent.ts";
import { memoryTerminal } from "../helpers/cli.ts";
import { MAIN, spawnCli } from "../helpers/cli-api.ts";
import { processesAt } from "../helpers/processes.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/** The demo from source, with everything that it makes below a directory of the test. */
function startDemo(dir: TempDir, env: Readonly<Record<string, string>> = {}) {
  const cli = spawnCli(["demo"], { TMPDIR: dir.path, ...env });
  let stdout = "";
  const reading = (async () => {
    for await (const chunk of cli.stdout) stdout += Buffer.from(chunk).toString();
  })();
  return {
    kill: cli.kill,
    stdout: () => stdout,
    ended: async () => {
      const result = await cli.ended();
      await reading;
      return result;
    },
  };
}

/** What is there of the demo after its end. */
function leftOf(dir: TempDir): string[] {
  return [...readdirSync(dir.path), ...processesAt(dir.path).map(({ command }) => command)];
}

test("the demo runs a machine, shows its console, stops it by the power button and leaves nothing behind", async () => {
  await using dir = tempDir();
  const demo = startDemo(dir);
  const { code, stderr } = await demo.ended();
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const stdout = demo.stdout();
  for (const typed of ["agent -config", "run ", "logs -f demo", "stop demo"])
    expect(stdout).toContain(`$ paddock ${typed}`);
  expect(stdout).toContain("graceful_shutdown = true");
  expect(stdout).toContain("DEMO GUEST cpus=1 mem=128M boot=1\n");
  expect(stdout).toMatch(/tick 1\n[\s\S]*tick 2\n/);
  expect(stdout).toContain("Reason     = the guest powered off (guest-shutdown)\n");
  expect(stdout).toContain("Stopped by = ACPI power button\n");
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(leftOf(dir)).toEqual([]);
}, 30_000);

for (const [signal, moment, code] of [
  ["SIGINT", "tick 1", 130],
  ["SIGTERM", "$ paddock agent", 143],
  ["SIGHUP", "$ paddock run", 129],
] as const) {
  test(`${signal} at "${moment}" ends the demo with ${code} and leaves nothing behind`, async () => {
    await using dir = tempDir();
    const demo = startDemo(dir);
    await until(moment, () => demo.stdout().includes(moment), { deadline: 20_000 });
    demo.kill(signal);
    const ended = await demo.ended();
    expect(ended.code).toBe(code);
    // The machine was stopped, and did not have to be killed.
    expect(ended.stderr).toEndWith("interrupted; the machine and the agent are being stopped\n");
    expect(leftOf(dir)).toEqual([]);
  }, 30_000);
}

test("an agent that is killed takes the demo along, and the machine with it", async () => {
  await using dir = tempDir();
  const demo = startDemo(dir);
  await until("the guest to tick", () => demo.stdout().includes("tick 1"), { deadline: 20_000 });
  const [agent] = processesAt(dir.path).filter(({ command }) => command.includes(`${MAIN} agent`));
  process.kill(agent?.pid ?? 0, "SIGKILL");
  const { code, stderr } = await demo.ended();
  expect(code).toBe(1);
  expect(stderr).toContain("Error: ");
  await until("the killed machine to be gone", () => leftOf(dir).length === 0);
}, 30_000);

test("without QEMU the demo says what to install and makes nothing", async () => {
  await using dir = tempDir();
  const demo = startDemo(dir, { PATH: dir.path });
  const { code, stderr } = await demo.ended();
  expect(code).toBe(1);
  expect(stderr).toStartWith(
    "Error: qemu-system-x86_64 is not on the PATH\nhint: install QEMU: apt install qemu-system-x86 ",
  );
  expect({ stdout: demo.stdout(), left: leftOf(dir) }).toEqual({ stdout: "", left: [] });
});

for (const name of ["x".repeat(80), "a b${c}"]) {
  test(`a temporary directory called ${name.slice(0, 10)} is no place for sockets and job files, /tmp is`, async () => {
    await using dir = tempDir();
    mkdirSync(dir.file(name));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = dir.file(name);
    try {
      const { terminal } = memoryTerminal();
      const startAgent = () => Promise.reject(new Error("not here"));
      const agent = createPrivateAgent({
        terminal,
        env: {},
        uid: 0,
        self: ["/nonexistent"],
        early: null,
        startAgent,
        examine: async () => [],
        rehearse: {
          plan: () => Promise.reject(new Error("not here")),
          explain: () => Promise.reject(new Error("not here")),
        },
      });
      expect(agent.dir).toStartWith("/tmp/paddock-demo-");
      expect(await agent.remove()).toBe(0);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });
}
