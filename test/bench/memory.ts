import type { TestAgent } from "../helpers/agent.ts";
import { startImageAgent } from "../helpers/jobs.ts";
import { type Bench, median } from "./bench.ts";
import { startMachines, waitUntilSettled } from "./machines.ts";
import { type Memory, parentOf, readMemory } from "./proc.ts";

/**
 * What one machine costs is the slope between these. The first one brings in code that the others share, and the first few dozen make
 * the runtime compile it: of 165 KB a machine between 10 and 40, 100 KB are gone without its compiler.
 */
const FEW = 40;
const MANY = 120;
/** Milliseconds in which an idle agent may give memory back. */
const REST = 5_000;
const MB = 1e6;

/** What the agent and a machine's wrapper have in memory while nothing happens. */
export const memory: Bench = {
  name: "memory",
  run: async () => {
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    // Like for like: its first start tries KVM out, a later one remembers what came of it.
    const empty = await measureFresh(agent);
    const pids = await startMachines(agent, FEW);
    const few = await measureFresh(agent);
    pids.push(...(await startMachines(agent, MANY, FEW)));
    await Bun.sleep(REST);
    const started = readMemory(agent.pid);
    // A fresh agent over the same machines tells what they cost to keep, without what their starts left behind.
    const many = await measureFresh(agent);
    const wrappers = pids.map((pid) => readMemory(parentOf(pid)));
    return [
      { what: "agent with 0 machines, resident", unit: "MB", paddock: empty.rss / MB, budget: { most: 60 } },
      { what: `agent after the start of ${MANY - FEW} machines, with ${MANY}`, unit: "MB", paddock: started.rss / MB },
      { what: `agent that took over ${FEW} machines`, unit: "MB", paddock: few.rss / MB },
      { what: `agent that took over ${MANY} machines`, unit: "MB", paddock: many.rss / MB },
      {
        what: `each machine between ${FEW} and ${MANY}`,
        unit: "KB",
        paddock: (many.rss - few.rss) / (MANY - FEW) / 1e3,
        budget: { most: 100 },
      },
      {
        what: "wrapper of a machine, resident",
        unit: "MB",
        paddock: median(wrappers.map(({ rss }) => rss)) / MB,
        budget: { most: 2 },
      },
      {
        what: "wrapper of a machine, its share of what is shared",
        unit: "MB",
        paddock: median(wrappers.map(({ pss }) => pss)) / MB,
      },
    ];
  },
};

async function measureFresh(agent: TestAgent): Promise<Memory> {
  await agent.kill();
  await agent.start();
  await Bun.sleep(REST);
  return readMemory(agent.pid);
}
