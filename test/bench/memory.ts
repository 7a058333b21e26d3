import { startImageAgent } from "../helpers/jobs.ts";
import { type Bench, median } from "./bench.ts";
import { startMachines, waitUntilSettled } from "./machines.ts";
import { parentOf, readMemory } from "./proc.ts";

const MACHINES = 20;
/** Milliseconds in which an idle agent may give memory back. */
const REST = 5_000;
const MB = 1e6;

/** What the agent and a machine's wrapper have in memory while nothing happens. */
export const memory: Bench = {
  name: "memory",
  run: async () => {
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    await Bun.sleep(REST);
    const empty = readMemory(agent.pid);
    const pids = await startMachines(agent, MACHINES);
    await Bun.sleep(REST);
    const full = readMemory(agent.pid);
    // A fresh agent over the same machines tells what they cost to keep, without what their starts left behind.
    await agent.kill();
    await agent.start();
    await waitUntilSettled(agent);
    await Bun.sleep(REST);
    const adopted = readMemory(agent.pid);
    const wrappers = pids.map((pid) => readMemory(parentOf(pid)));
    const perMachine = (now: number): number => (now - empty.rss) / MACHINES / 1e3;
    return [
      { what: "agent with 0 machines, resident", unit: "MB", paddock: empty.rss / MB, budget: { most: 60 } },
      { what: `agent with ${MACHINES} machines that it started, resident`, unit: "MB", paddock: full.rss / MB },
      { what: "the same, for each machine", unit: "KB", paddock: perMachine(full.rss) },
      { what: `agent with ${MACHINES} machines that it adopted, resident`, unit: "MB", paddock: adopted.rss / MB },
      { what: "the same, for each machine", unit: "KB", paddock: perMachine(adopted.rss), budget: { most: 100 } },
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
