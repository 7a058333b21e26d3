import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentDirs, apiSocket, machineSockets } from "../../src/paths.ts";
import { processesAt } from "./processes.ts";
import { until } from "./until.ts";

/** What a test finds before it begins, to compare with afterwards. */
export interface Snapshot {
  readonly tempNames: ReadonlySet<string>;
}

/** Remembers what is there now. */
export function snapshot(): Snapshot {
  return { tempNames: new Set(ourTempNames()) };
}

function ourTempNames(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("paddock-"));
}

export interface LeakScope {
  /** The directory of the test: no process may name it or have it as its working directory. */
  readonly dir?: string;
  /** The agent's directories: no socket and no machine's socket directory may be left. */
  readonly agent?: AgentDirs;
  /** Temporary names that were not there before may not be left. */
  readonly before?: Snapshot;
}

/** Everything that should be gone and is not, one line each. */
export function findLeaks(scope: LeakScope): string[] {
  return [
    ...(scope.dir === undefined ? [] : leakedProcesses(scope.dir)),
    ...(scope.agent === undefined ? [] : leakedSockets(scope.agent)),
    ...(scope.before === undefined ? [] : leakedTempNames(scope.before)),
  ];
}

/** Waits until nothing is left. @throws naming what is still there after `deadline` milliseconds. */
export async function expectNoLeaks(scope: LeakScope, deadline = 5_000): Promise<void> {
  await until(
    "everything that the test started to be gone",
    () => {
      const leaks = findLeaks(scope);
      if (leaks.length > 0) throw new Error(`still there:\n  ${leaks.join("\n  ")}`);
      return true;
    },
    { deadline },
  );
}

function leakedProcesses(dir: string): string[] {
  return processesAt(dir).map((seen) => `process ${seen.pid}: ${seen.command}`);
}

function leakedSockets(dirs: AgentDirs): string[] {
  const names = new Set(listDirectory(dirs.runDir).map((name) => join(dirs.runDir, name)));
  const leaks = [...names].filter((path) => path === apiSocket(dirs) || isMachineDir(dirs, path));
  // A socket whose file was unlinked lives on in the kernel's table.
  const bound = readFileSync("/proc/net/unix", "utf8").split("\n");
  for (const line of bound) {
    const path = line.slice(line.indexOf("/"));
    if (path.startsWith(`${dirs.runDir}/`) && !leaks.includes(path)) leaks.push(path);
  }
  return leaks.map((path) => `socket ${path}`);
}

/** Machine directories have the form of one that src/paths.ts makes: the same letters and length, other hex digits. */
function isMachineDir(dirs: AgentDirs, path: string): boolean {
  const example = machineSockets(dirs, "00000000-0000-4000-8000-000000000000", "vm").dir;
  const form = (text: string): string => text.slice(dirs.runDir.length).replace(/[0-9a-f]/g, "0");
  return form(path) === form(example);
}

function leakedTempNames(before: Snapshot): string[] {
  return ourTempNames()
    .filter((name) => !before.tempNames.has(name))
    .map((name) => `temporary ${join(tmpdir(), name)}`);
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // it went, as it should
  }
}
