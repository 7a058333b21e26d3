import type { TestAgent } from "../helpers/agent.ts";
import { startImageAgent } from "../helpers/jobs.ts";
import type { Bench } from "./bench.ts";
import { startMachines, waitUntilSettled } from "./machines.ts";
import { readCpuMillis } from "./proc.ts";

const MACHINES = 200;
/** The host is looked at once in it. */
const SPAN = 60_000;
/**
 * What was just done echoes: functions that were run often are compiled, and the runtime looks at its heap each second until it has not
 * grown for half a minute. An agent is idle behind that.
 */
const ECHO = 60_000;

/** What of a processor the agent takes while its machines idle and nobody asks it anything. */
export const idle: Bench = {
  name: "idle",
  run: async () => {
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    const empty = await measure(agent);
    await startMachines(agent, MACHINES);
    const started = await measure(agent);
    await agent.kill();
    await agent.start();
    const adopted = await measure(agent);
    return [
      { what: "idle agent with 0 machines, of a processor", unit: "%", paddock: empty },
      {
        what: `idle agent with ${MACHINES} machines that it started`,
        unit: "%",
        paddock: started,
        budget: { most: 0.2 },
      },
      {
        what: `idle agent with ${MACHINES} machines that it adopted`,
        unit: "%",
        paddock: adopted,
        budget: { most: 0.2 },
      },
    ];
  },
};

async function measure(agent: TestAgent): Promise<number> {
  await Bun.sleep(ECHO);
  const [begin, used] = [performance.now(), readCpuMillis(agent.pid)];
  await Bun.sleep(SPAN);
  return ((readCpuMillis(agent.pid) - used) / (performance.now() - begin)) * 100;
}
