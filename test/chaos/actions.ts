import { connect } from "node:net";
import { machineSockets } from "../../src/paths.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import type { TestAgent } from "../helpers/agent.ts";
import type { ImageAgent } from "../helpers/jobs.ts";
import { processesAt } from "../helpers/processes.ts";
import { type Machine, NO_WISH, qemuPids, readMachines, type Wish } from "./model.ts";

/** What is done in one round; each as often as it stands here. */
export const ACTIONS = [
  ...["submit", "submit", "submit", "submit", "submit", "submit", "stop", "stop"],
  ...["restart", "pause", "pause", "resume", "guest powers off", "kill QEMU", "kill wrapper"],
] as const satisfies readonly Action[];

export type Action =
  | "submit"
  | "stop"
  | "restart"
  | "pause"
  | "resume"
  | "guest powers off"
  | "kill QEMU"
  | "kill wrapper";

export interface Play {
  readonly agent: ImageAgent;
  /** The JSON of each job by revision. */
  readonly revisions: ReadonlyMap<string, readonly string[]>;
  readonly wishes: Map<string, Wish>;
}

/** What a round draws; nothing that happens in it changes what the next one draws. */
export interface Draw {
  readonly action: Action;
  readonly job: string;
  readonly revision: number;
}

/** Does it. @returns whether it was acknowledged; null for what nobody acknowledges. */
export async function act(play: Play, { action, job, revision }: Draw): Promise<boolean | null> {
  const { agent, wishes } = play;
  switch (action) {
    case "submit": {
      wishes.set(job, NO_WISH);
      const body = play.revisions.get(job)?.[revision] ?? "";
      const ok = await command(agent, "/v1/jobs", { method: "PUT", body });
      if (ok) wishes.set(job, { run: true, revision, power: null });
      return ok;
    }
    case "stop":
      return await stopJob(play, job);
    case "restart":
      // Where there is nothing to restart it is refused; otherwise the job goes on as it was wished to.
      return await onMachine(agent, job, ({ alloc }) =>
        command(agent, `/v1/client/allocation/${alloc}/restart`, { method: "PUT", body: "{}" }),
      );
    case "pause":
    case "resume":
      return await onMachine(agent, job, (machine) => power(play, machine, action));
    case "guest powers off":
      await onMachine(agent, job, ({ alloc, task }) =>
        typeInto(machineSockets(agent.dirs, alloc, task).serial, "\x04"),
      );
      return null;
    case "kill QEMU":
    case "kill wrapper": {
      const [pid] = qemuPids(agent.dir);
      const victim = action === "kill QEMU" ? pid : readStat(pid ?? 0)?.parent;
      // A QEMU whose wrapper is gone has another parent: the agent, a reaper, or init.
      if (victim !== undefined && isOf(agent, victim)) kill(victim);
      return null;
    }
  }
}

/** A job that was never registered cannot be stopped, and need not be. */
export async function stopJob({ agent, wishes }: Play, job: string): Promise<boolean> {
  wishes.set(job, NO_WISH);
  const ok = await command(agent, `/v1/job/${job}`, { method: "DELETE" }, 404);
  if (ok) wishes.set(job, { ...NO_WISH, run: false });
  return ok;
}

async function power({ agent, wishes }: Play, { alloc, job, task, pid }: Machine, action: "pause" | "resume") {
  const wish = wishes.get(job) ?? NO_WISH;
  wishes.set(job, { ...wish, power: null });
  const body = JSON.stringify({ Action: action });
  const ok = await command(agent, `/v1/vm/${alloc}/${task}/power`, { method: "PUT", body });
  if (ok && pid !== null) wishes.set(job, { ...wish, power: { pid, paused: action === "pause" } });
  return ok;
}

/** Does something to the newest machine of a job; false where there is none, or it does not run. */
async function onMachine(agent: TestAgent, job: string, what: (machine: Machine) => Promise<boolean>) {
  try {
    const machine = (await readMachines(agent)).filter((each) => each.job === job).at(-1);
    return machine === undefined ? false : await what(machine);
  } catch (error) {
    if (isCutOff(error) || /: (409|503|504) /.test(String(error))) return false;
    throw error;
  }
}

/**
 * Sends a command and says whether it was acknowledged.
 * @param alsoGood another status than success that says that it is so.
 */
async function command(agent: TestAgent, target: string, init: RequestInit, alsoGood = 200): Promise<boolean> {
  try {
    const response = await agent.request(target, init);
    const text = await response.text();
    if (response.ok || response.status === alsoGood) return true;
    throw new Error(`${init.method} ${target}: ${response.status} ${text}`);
  } catch (error) {
    if (isCutOff(error)) return false;
    throw error;
  }
}

/** The agent was killed under the request. */
const isCutOff = (error: unknown): boolean => /socket|connect|closed|ENOENT|ECONN|JSON Parse/i.test(String(error));

/** Types into a serial port; nobody says whether the guest heard it. */
async function typeInto(path: string, text: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(true));
    // QEMU may lose what it was told by one that hangs up at once: the guest's next words say that it has read.
    socket.on("data", () => socket.end());
    socket.setTimeout(300, () => socket.destroy());
    socket.write(text);
  });
}

/** The agent under test is never the victim: it has a command line of its own. */
function isOf(agent: ImageAgent, pid: number): boolean {
  return pid !== agent.pid && processesAt(agent.dir).some((seen) => seen.pid === pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
