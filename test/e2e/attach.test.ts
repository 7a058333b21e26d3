import { describe, expect, test } from "bun:test";
import { paddockBinary } from "../helpers/binary.ts";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { type PtyProgram, runInPty } from "../helpers/pty.ts";
import { until } from "../helpers/until.ts";
import { CTRL_D_OFTEN } from "../helpers/victim.ts";

async function startDemo(config = ""): Promise<ImageAgent> {
  const agent = await startImageAgent();
  const run = await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk(), config }))]);
  expect(run).toMatchObject({ code: 0 });
  return agent;
}

/** `paddock console demo` in a terminal whose settings are shown before and after. */
function attach(agent: ImageAgent, ...flags: string[]): PtyProgram {
  const script = 'stty -g; "$0" console "$@" demo; echo "code=$?"; stty -g';
  return runInPty(["/bin/sh", "-c", script, paddockBinary(), ...flags], { PADDOCK_ADDR: agent.address });
}

/** The exit code that the script shows, and whether the terminal's settings are the same before and behind. */
function outcome(program: PtyProgram): { readonly code: string | undefined; readonly restored: boolean } {
  const lines = program.shown().split(/\r?\n/).filter(Boolean);
  return { code: /code=(\d+)/.exec(program.shown())?.[1], restored: lines[0] === lines.at(-1) };
}

/** Types until it is echoed: the firmware takes some of the first keys. */
async function echo(program: PtyProgram, word: string): Promise<void> {
  const check = () => program.shown().includes(word) || program.type(word);
  await until(`the echo of ${word}`, check, { deadline: 60_000, every: 400 });
}

const LEAVE = "\u001d";

describe("paddock console in a terminal", () => {
  test("shows several people the same, takes what each types, and leaves with Ctrl-] as it came", async () => {
    await using agent = await startDemo();
    await using one = attach(agent);
    await one.see("^D off");
    await one.see("[connected to demo");
    await using other = attach(agent, "-scrollback", "500");
    await other.see("2 look at it now");
    await other.see("DEMO GUEST");
    await echo(one, "marco");
    await other.see("marco");
    await echo(other, "polo");
    await one.see("polo");
    one.type(LEAVE);
    expect(await one.ended()).toBe(0);
    expect(outcome(one)).toEqual({ code: "0", restored: true });
    // The guest hears Ctrl-D; here it would have ended the input.
    other.type(CTRL_D_OFTEN);
    await other.see("[machine ended: the guest powered off]");
    expect(await other.ended()).toBe(0);
    expect(outcome(other)).toEqual({ code: "0", restored: true });
    expect(other.shown()).toContain("power off");
  });

  test("waits for an agent that was killed and goes on without a byte missing or twice", async () => {
    await using agent = await startDemo();
    await using viewer = attach(agent);
    await viewer.see("tick 2");
    await agent.kill();
    await viewer.see("[the agent is gone, the machine runs on; waiting for the agent]");
    await agent.start();
    await viewer.see("[the agent is back]");
    await echo(viewer, "again");
    await viewer.see("tick 5");
    viewer.type(LEAVE);
    await viewer.ended();
    const ticks = [...viewer.shown().matchAll(/tick (\d+)/g)].map(([, number]) => Number(number));
    expect(ticks.length).toBeGreaterThan(2);
    expect(ticks).toEqual(ticks.map((_, index) => index + 1));
    expect(outcome(viewer)).toEqual({ code: "0", restored: true });
  });

  test("gives the terminal back when it is told to end", async () => {
    await using agent = await startDemo();
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
      ["SIGINT", 130],
    ] as const) {
      await using viewer = attach(agent);
      await viewer.see("[connected to demo");
      process.kill(childOf(viewer.pid), signal);
      await viewer.see(`code=${code}`);
      await viewer.ended();
      expect(outcome(viewer)).toEqual({ code: String(code), restored: true });
    }
    expect((await newest(agent)).vm.State).toBe("running");
  });
});

/** The one child of a process. */
function childOf(pid: number): number {
  const result = Bun.spawnSync(["sh", "-c", 'cat "/proc/$0/task/$0/children"', String(pid)]);
  return Number(result.stdout.toString().trim());
}

describe("paddock console without a terminal", () => {
  test("passes its input on and stays behind its end, or leaves once the guest is silent if it is told to", async () => {
    await using agent = await startDemo();
    await until("the guest", async () => (await agent.run(["logs", "demo"])).stdout.includes("tick 1"));
    const input = `${"-".repeat(20)}over`;
    const result = await agent.run(["console", "-scrollback", "0", "demo"], {
      stdin: `${input}${CTRL_D_OFTEN}`,
      deadline: 60_000,
    });
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toContain("power off");
    expect(result.stderr).toContain("[machine ended: the guest powered off]");
  });

  test("says why there is none", async () => {
    await using agent = await startDemo('args = ["-serial", "null"]');
    expect(await agent.run(["console", "demo"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no console: args bring a serial port of their own (-serial null)"),
    });
    expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
    const ended = await agent.run(["console", "demo"]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("Error: the machine has ended: ");
    expect(ended.stderr).toContain("hint: paddock logs ");
  });
});
