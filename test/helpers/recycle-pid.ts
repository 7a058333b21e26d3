import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { openPidfd, signalPidfd } from "../../src/runtime/pidfd.ts";
import { isAlive, readBootId, readStat } from "../../src/supervisor/identity.ts";
import { signalProcess } from "../../src/supervisor/signal.ts";
import { until } from "./until.ts";

/*
 * Run in a pid namespace of its own by test/integration/recycled-pid.test.ts: has a process's pid given to another one, and prints what
 * came of signals that were meant for the first.
 */

const sleeper = () => Bun.spawn(["sleep", "600"]);

/** A process with this pid: the namespace is told to count from there, and threads of this program may come in between. */
function spawnWithPid(pid: number) {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = sleeper();
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
  }
  throw new Error(`pid ${pid} was not given again`);
}

const victim = sleeper();
const bootId = readBootId();
const startTime = readStat(victim.pid)?.startTime ?? 0;
const identity = { bootId, pid: victim.pid, startTime };
const early = await openPidfd(victim.pid);
if (early === null) throw new Error("this kernel has no pidfd");
// Start times count in ticks of 10 ms: the pid comes round in another one, as it does anywhere.
const ticks = () => Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 100;
await until("the next tick", () => ticks() > startTime + 2);
victim.kill("SIGKILL");
await victim.exited;

const other = spawnWithPid(identity.pid);
const report = {
  samePid: other.pid === identity.pid,
  aliveAsBefore: isAlive(identity, bootId),
  answers: [] as string[],
  /** The window between the descriptor and the look at it: what was opened goes on naming the first. */
  throughDescriptor: await signalPidfd(early, 9),
  otherLives: false,
};
for (const signal of ["SIGCONT", "SIGINT", "SIGTERM", "SIGKILL"] as const) {
  report.answers.push(await signalProcess(identity, bootId, signal));
}
closeSync(early);
const now = readStat(other.pid);
report.otherLives = now !== null && !["Z", "X"].includes(now.state) && other.signalCode === null;
console.log(JSON.stringify(report));
other.kill("SIGKILL");
await other.exited;
