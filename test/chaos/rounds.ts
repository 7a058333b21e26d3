import { startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { command, expectWishes, jobJson, qemuPids, randomFrom, readMachines, type Wish } from "./model.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly jobs: number;
  /** After so many rounds everything is looked at; 1 looks at each. */
  readonly lookEvery: number;
}

export interface ChaosReport {
  readonly kills: number;
  readonly commands: number;
  readonly acknowledged: number;
  readonly endings: Readonly<Record<string, number>>;
}

/**
 * Submits, changes, restarts and stops jobs and kills QEMUs while the agent is killed by SIGKILL at random moments and started again.
 * @throws when a machine has no owner, is there twice or lost, when an acknowledged command is not in effect, or an end is not
 * explained; the seed plays it again.
 */
export async function playChaos({ seed, rounds, jobs, lookEvery }: ChaosOptions): Promise<ChaosReport> {
  const random = randomFrom(seed);
  const pick = (size: number): number => Math.floor(random() * size);
  await using agent = await startImageAgent();
  const ids = Array.from({ length: jobs }, (_, index) => `job${index}`);
  const revisions = new Map<string, [string, string]>();
  for (const id of ids) revisions.set(id, [await jobJson(agent, id, 0), await jobJson(agent, id, 1)]);
  const wishes = new Map<string, Wish>(ids.map((id) => [id, null]));
  let [kills, commands, acknowledged] = [0, 0, 0];

  const act = async (): Promise<void> => {
    const id = ids[pick(ids.length)] ?? "";
    const what = pick(10);
    if (what === 9) {
      const [pid] = qemuPids(agent.dir);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      return;
    }
    commands++;
    if (what === 8) {
      // Where there is nothing to restart it is refused; otherwise the job goes on as it was wished to.
      if (await restart(agent, id)) acknowledged++;
      return;
    }
    wishes.set(id, null);
    const run = what < 6;
    const ok = run
      ? await command(agent, "/v1/jobs", { method: "PUT", body: revisions.get(id)?.[pick(2)] ?? "" })
      : await stopIfKnown(agent, id);
    if (ok) {
      acknowledged++;
      wishes.set(id, run ? "run" : "stop");
    }
  };

  for (let round = 1; round <= rounds; round++) {
    const acting = act();
    if (pick(3) === 0) {
      // Somewhere between the request's first byte and the machine's last one.
      await Bun.sleep(pick(120));
      await agent.kill();
      await acting;
      await agent.start();
      kills++;
    } else {
      await acting;
    }
    if (round % lookEvery === 0) await expectWishes(agent, wishes);
  }

  for (const id of ids) {
    if (await stopIfKnown(agent, id)) wishes.set(id, "stop");
  }
  await expectWishes(agent, wishes);
  const endings = await countEndings(agent);
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
  return { kills, commands, acknowledged, endings };
}

async function restart(agent: Parameters<typeof command>[0], id: string): Promise<boolean> {
  const alloc = (await readMachines(agent)).filter(({ job }) => job === id).at(-1)?.alloc;
  if (alloc === undefined) return false;
  try {
    return await command(agent, `/v1/client/allocation/${alloc}/restart`, { method: "PUT", body: "{}" });
  } catch (error) {
    if (/: 409 /.test(String(error))) return false;
    throw error;
  }
}

/** A job that was never registered cannot be stopped, and need not be. */
async function stopIfKnown(agent: Parameters<typeof command>[0], id: string): Promise<boolean> {
  try {
    return await command(agent, `/v1/job/${id}`, { method: "DELETE" });
  } catch (error) {
    if (/: 404 /.test(String(error))) return true;
    throw error;
  }
}

async function countEndings(agent: Parameters<typeof command>[0]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { alloc, kind } of await readMachines(agent)) {
    if (kind !== "ended") throw new Error(`${alloc} is ${kind} at the end`);
    const receipt = (await (await agent.request(`/v1/vm/${alloc}/vm/receipt`)).json()) as {
      Reason: string;
      Message: string;
    };
    if (!receipt.Message) throw new Error(`${alloc} ended without a message`);
    counts[receipt.Reason] = (counts[receipt.Reason] ?? 0) + 1;
  }
  return counts;
}
