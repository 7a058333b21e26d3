import { startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { randomFrom } from "../helpers/random.ts";
import { ACTIONS, act, type Play, stopJob } from "./actions.ts";
import { expectNoTwins, expectWishes, jobJson, NO_WISH, readMachines } from "./model.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly jobs: number;
  /** After so many rounds everything is looked at; 1 looks at each. */
  readonly lookEvery: number;
}

export interface ChaosReport {
  /** How often the agent was killed. */
  readonly kills: number;
  /** How often each thing was done. */
  readonly actions: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  /** Ends of machines by reason, those that were started again among them. */
  readonly endings: Readonly<Record<string, number>>;
}

/**
 * Submits, changes, restarts, pauses and stops jobs, powers guests off and kills QEMUs and wrappers, while the agent is killed by
 * SIGKILL at random moments and started again.
 * @throws when a machine has no owner, is there twice or lost, when an acknowledged command is not in effect, or an end is not
 * explained; the seed plays it again.
 */
export async function playChaos({ seed, rounds, jobs, lookEvery }: ChaosOptions): Promise<ChaosReport> {
  const random = randomFrom(seed);
  const pick = (size: number): number => Math.floor(random() * size);
  await using agent = await startImageAgent();
  const ids = Array.from({ length: jobs }, (_, index) => `job${index}`);
  const revisions = new Map<string, readonly string[]>();
  for (const id of ids) revisions.set(id, [await jobJson(agent, id, 0), await jobJson(agent, id, 1)]);
  const play: Play = { agent, revisions, wishes: new Map(ids.map((id) => [id, NO_WISH])) };
  const actions: Record<string, number> = {};
  const endings = new Endings();
  const story: string[] = [];
  let [kills, acknowledged] = [0, 0];

  const playRound = async (round: number): Promise<void> => {
    const draw = {
      action: ACTIONS[pick(ACTIONS.length)] ?? "stop",
      job: ids[pick(ids.length)] ?? "",
      revision: pick(2),
    };
    const [killed, moment, again, next] = [pick(3) === 0, pick(120), pick(4) === 0, pick(250)];
    const told = `${round}: ${draw.action} ${draw.job} ${draw.revision}`;
    story.push(`${told}${killed ? `, agent killed after ${moment} ms${again ? ` and ${next} ms` : ""}` : ""}`);
    actions[draw.action] = (actions[draw.action] ?? 0) + 1;
    const acting = act(play, draw);
    if (killed) {
      // Somewhere between the request's first byte and the machine's last one.
      await Bun.sleep(moment);
      await agent.kill();
      expectNoTwins(agent);
    }
    const done = await acting;
    if (done) acknowledged++;
    if (killed && again) {
      // While it takes its machines over.
      const starting = agent.start().catch(() => undefined);
      await Bun.sleep(next);
      await agent.kill();
      await starting;
      kills++;
    }
    if (killed) {
      await agent.start();
      kills++;
    }
    expectNoTwins(agent);
    if (round % lookEvery !== 0) return;
    await expectWishes(agent, play.wishes);
    endings.take(await readMachines(agent));
  };

  try {
    for (let round = 1; round <= rounds; round++) await playRound(round);
    for (const id of ids) if (!(await stopJob(play, id))) throw new Error(`${id} cannot be stopped`);
    await expectWishes(agent, play.wishes);
    endings.take(await readMachines(agent));
    const found = await endings.counts(agent);
    const lost = found["lost"] ?? 0;
    if (lost > (actions["kill wrapper"] ?? 0))
      throw new Error(`${lost} ends are not explained: ${JSON.stringify(found)}`);
    await agent.stop();
    await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
    return { kills, actions, acknowledged, endings: found };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new Error(
      `seed ${seed}: ${words}\nlast rounds:\n${story.slice(-12).join("\n")}\nagent:\n${agent.output().slice(-4_000)}`,
    );
  }
}

/** The ends that the histories of allocations tell of; each is counted once. */
class Endings {
  readonly #seen = new Map<string, string>();

  take(machines: Awaited<ReturnType<typeof readMachines>>): void {
    for (const { alloc, task, events } of machines) {
      for (const { Type, DisplayMessage, Details, Time } of events) {
        if (Type !== "Terminated") continue;
        if (!DisplayMessage || !Details["reason"]) throw new Error(`an end of ${alloc} is not explained`);
        this.#seen.set(`${alloc} ${task} ${Time}`, Details["reason"]);
      }
    }
  }

  /** By reason, the last ends as their receipts tell them. @throws when one is not explained. */
  async counts(agent: Play["agent"]): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const reason of this.#seen.values()) counts[reason] = (counts[reason] ?? 0) + 1;
    for (const { alloc, task, kind } of await readMachines(agent)) {
      if (kind !== "ended") throw new Error(`${alloc} is ${kind} at the end`);
      const receipt = (await (await agent.request(`/v1/vm/${alloc}/${task}/receipt`)).json()) as {
        Reason: string;
        Message: string;
      };
      if (!receipt.Message) throw new Error(`${alloc} ended without a message`);
      if (receipt.Reason === "not-started") counts["not-started"] = (counts["not-started"] ?? 0) + 1;
    }
    return counts;
  }
}
