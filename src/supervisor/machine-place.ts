import type { Allocation } from "../allocation/allocation.ts";
import { newestLog } from "../logs/files.ts";
import type { MachineUser } from "../node/users.ts";
import type { AgentDirs, MachineFiles, MachineSockets, TaskDirs } from "../paths.ts";
import { machineFiles, machineSockets, taskDirs } from "../paths.ts";

/** Every place on disk that belongs to one start of one machine. */
export interface MachinePlace {
  readonly allocationId: string;
  readonly task: string;
  readonly generation: number;
  /** Whom the machine's files belong to; null for the agent's own user. */
  readonly user: MachineUser | null;
  readonly dirs: TaskDirs;
  readonly files: MachineFiles;
  readonly sockets: MachineSockets;
  /** Serial console, written by QEMU: the file that is the newest now. */
  readonly stdout: string;
  /** QEMU's own words: the file that is the newest now. */
  readonly stderr: string;
}

export function placeOf(
  dirs: AgentDirs,
  allocation: Pick<Allocation, "id" | "tasks">,
  task: string,
  generation: number,
): MachinePlace {
  const allocationId = allocation.id;
  const own = taskDirs(dirs, allocationId, task);
  return {
    allocationId,
    task,
    generation,
    user: allocation.tasks[task]?.user ?? null,
    dirs: own,
    files: machineFiles(own, generation),
    sockets: machineSockets(dirs, allocationId, task),
    get stdout() {
      return newestLog(own, task, "stdout");
    },
    get stderr() {
      return newestLog(own, task, "stderr");
    },
  };
}
