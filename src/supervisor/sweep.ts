import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Allocation } from "../allocation/allocation.ts";
import type { Log } from "../base/log.ts";
import { type AgentDirs, isMachineSocketsName, machineSockets } from "../paths.ts";
import { isNamed, readCommandLines } from "./command-lines.ts";

/**
 * Removes the sockets of machines that have ended: an agent that was killed between the record of an end and its tidying leaves
 * them. What a process still names is left alone and told, whoever's it is.
 */
export function sweepSockets(dirs: AgentDirs, live: readonly Allocation[], log: Log): void {
  const owned = new Set(
    live.flatMap((allocation) =>
      Object.keys(allocation.tasks).map((task) => machineSockets(dirs, allocation.id, task).dir),
    ),
  );
  const found = readdirSync(dirs.runDir)
    .filter(isMachineSocketsName)
    .map((name) => join(dirs.runDir, name))
    .filter((path) => !owned.has(path));
  if (found.length === 0) return;
  const commandLines = readCommandLines();
  for (const path of found) {
    if (isNamed(path, commandLines)) log.warn("a process that belongs to no record uses a machine's sockets", { path });
    else rmSync(path, { recursive: true, force: true });
  }
}
