import { describe } from "bun:test";
import { taskDirs } from "../../src/paths.ts";
import type { AgentPerTest } from "./agent-per-test.ts";
import { type DemoJob, type InProcessOptions, machineOf, newestOf } from "./in-process-agent.ts";
import { until } from "./until.ts";

/** Not root's own range: tests may run beside an agent. */
export const range = (count: number): InProcessOptions => ({
  users: { wanted: true, min: 71_000, max: 71_000 + count - 1 },
});

/** What tests of the users of machines do with the agent and the machines of a test. */
export function machineUsers(bed: AgentPerTest) {
  const start = (options = range(1_000)) => bed.start(options);
  const comeBack = (options = range(1_000)) => bed.restart(undefined, options);
  /** The wrapper of a machine that has ended may need a moment to go. */
  const submitWhenFree = (more: DemoJob, disk?: string) => until("a user to be free", () => bed.submit(more, disk));
  const live = (jobId = "demo") => machineOf(bed.agent, "running", jobId);
  const ended = (jobId = "demo") => machineOf(bed.agent, "ended", jobId);
  const newest = (jobId = "demo") => {
    const allocation = newestOf(bed.agent, jobId);
    if (allocation === undefined) throw new Error(`no allocation of ${jobId}`);
    return allocation;
  };
  const dirsOf = (jobId = "demo") => taskDirs(bed.dirs, newest(jobId).id, "vm");
  const userOf = (jobId = "demo") => {
    const user = newest(jobId).tasks["vm"]?.user;
    if (!user) throw new Error(`the machine of ${jobId} has no user of its own`);
    return user;
  };

  /** Kills the machine and waits for its restart. */
  async function crash(): Promise<void> {
    const before = await live();
    process.kill(before.identity.pid, "SIGKILL");
    await until("the next start", async () => (await live()).generation > before.generation);
  }

  return { start, comeBack, submitWhenFree, live, ended, newest, dirsOf, userOf, crash };
}

/** Runs a shell as a machine's user, as something that has broken out of QEMU would. */
export async function runAs(user: { uid: number; gid: number }, script: string) {
  const child = Bun.spawn(["/bin/sh", "-c", script], { ...user, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

export const RESTART = 'attempts = 3\n interval = "1h"\n delay = "50ms"\n mode = "fail"';

/** Only root can give machines users of their own. */
export const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
