import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import { readLogByTime } from "../logs/by-time.ts";
import { readTimes } from "../logs/moments.ts";
import { logTimes, taskDirs } from "../paths.ts";
import type { Agent } from "./agent.ts";
import { createConsoles } from "./consoles.ts";
import type { AgentContext } from "./context.ts";
import { requireTask } from "./operate.ts";

/** The use cases about what machines write: their logs and consoles. @param allocation finds one by its id. */
export function outputOf(
  context: AgentContext,
  allocation: (id: string) => Allocation,
): Pick<Agent, "readLog" | "hasLogTimes" | "openConsole"> {
  const { dirs, supervisor, clock } = context;
  const consoles = createConsoles(context);
  return {
    readLog: (allocationId, task, options) => {
      const { createTime } = allocation(allocationId);
      requireTask(allocation(allocationId), task);
      const log = { dirs: taskDirs(dirs, allocationId, task), task, type: options.type };
      return readLogByTime(log, options, {
        createTime,
        isOver: () => isTerminal(allocation(allocationId)),
        flush: () => supervisor.flushLogTimes(allocationId, task),
        now: () => clock.now(),
      });
    },
    hasLogTimes: (allocationId, task, type) => {
      requireTask(allocation(allocationId), task);
      supervisor.flushLogTimes(allocationId, task);
      return readTimes(logTimes(taskDirs(dirs, allocationId, task), task, type)) !== null;
    },
    openConsole: (allocationId, task, request) => {
      requireTask(allocation(allocationId), task);
      return consoles.open(() => allocation(allocationId), task, request);
    },
  };
}
