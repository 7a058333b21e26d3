import type { AgentDirs, MachineFiles, MachineSockets, TaskDirs } from "../paths.ts";
import { machineFiles, machineSockets, stderrLog, stdoutLog, taskDirs } from "../paths.ts";

/** Every place on disk that belongs to one start of one machine. */
export interface MachinePlace {
  readonly allocationId: string;
  readonly task: string;
  readonly generation: number;
  readonly dirs: TaskDirs;
  readonly files: MachineFiles;
  readonly sockets: MachineSockets;
  /** Serial console, written by QEMU. */
  readonly stdout: string;
  /** QEMU's own words. */
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
    stdout: stdoutLog(own, task),
    stderr: stderrLog(own, task),
  };
}
