import type { TestAgent } from "../helpers/agent.ts";
import { newest, startImageAgent } from "../helpers/jobs.ts";
import { type Bench, median } from "./bench.ts";
import { startMachines, waitUntilSettled } from "./machines.ts";

const MACHINES = 200;
const ROUNDS = 7;

/** From the start of an agent over running machines to its first answer, with every machine looked at. */
export const adopt: Bench = {
  name: "adopt",
  run: async () => {
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    const empty = await timeStarts(agent);
    const pids = await startMachines(agent, MACHINES);
    const full = await timeStarts(agent);
    await assertAllAdopted(agent, pids);
    return [
      {
        what: `start of the agent with ${MACHINES} machines (plain: with none)`,
        unit: "s",
        plain: median(empty) / 1000,
        paddock: median(full) / 1000,
        budget: { most: 1 },
      },
    ];
  },
};

async function timeStarts(agent: TestAgent): Promise<number[]> {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await agent.kill();
    const begin = performance.now();
    await agent.start();
    took.push(performance.now() - begin);
  }
  return took;
}

async function assertAllAdopted(agent: TestAgent, pids: readonly number[]): Promise<void> {
  for (const [index, pid] of pids.entries()) {
    const { vm } = await newest(agent, `idle-${index}`);
    if (vm.Paddock.Pid !== pid || vm.Paddock.Machine !== "running" || vm.Paddock.Adopted !== true) {
      throw new Error(`machine ${index} (process ${pid}) was not taken over: ${JSON.stringify(vm.Paddock)}`);
    }
  }
}
