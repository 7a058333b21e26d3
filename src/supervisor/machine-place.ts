import type { AgentDirs, MachineFiles, MachineSockets, TaskDirs } from "../paths.ts";
import { machineFiles, machineSockets, taskDirs } from "../paths.ts";
import { newestLog } from "./log-files.ts";

/** Every place on disk that belongs to one start of one machine. */
export interface MachinePlace {
  readonly allocationId: string;
  readonly task: string;
  readonly generation: number;
  readonly dirs: TaskDirs;
  readonly files: MachineFiles;
  readonly sockets: MachineSockets;
  /** Serial console, written by QEMU: the file that is the newest now. */
  readonly stdout: string;
  /** QEMU's own words: the file that is the newest now. */
  readonly stderr: string;
}

export function placeOf(dirs: AgentDirs, allocationId: string, task: string, generation: number): MachinePlace {
  const own = taskDirs(dirs, allocationId, task);
  return {
    allocationId,
    task,
    generation,
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
