import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, monotonicMillis } from "../../base/clock.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { startBackground, withDeadline } from "../../base/exec.ts";
import { ask, createClient } from "../../client/client.ts";
import { type AgentDirs, apiSocket, MAX_SOCKET_PATH, machineSockets } from "../../paths.ts";
import type { CliContext } from "../command.ts";

/** An agent of this process alone, with everything that it has in one directory. */
export interface PrivateAgent {
  /** The directory: absolute, closed to others but for root's, which machines' users pass through. Images in it may be run. */
  readonly dir: string;
  readonly socket: string;
  /** Starts the daemon and waits until it answers. @throws AppError `unavailable` with what it said when it does not. */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Ends the daemon and removes the directory. The machines should be gone before; one that is not is killed.
   * @returns how many had to be killed.
   */
  remove(): Promise<number>;
}

/** How long the daemon may take to answer, and to end after SIGTERM, in milliseconds. */
const DEADLINE = 15_000;
/** How often a daemon that has just been started is asked whether it is there, in milliseconds. */
const ASK_EVERY = 25;

/** Makes the directory; nothing runs yet. @throws AppError `unavailable` when it cannot be made. */
export function createPrivateAgent({ self, env }: CliContext): PrivateAgent {
  const dir = inTemporary(makeDirectory);
  const dirs = dirsIn(dir);
  const socket = apiSocket(dirs);
  const config = join(dir, "agent.hcl");
  const logFile = join(dir, "agent.log");
  writeFileSync(config, agentConfig(dir, dirs));
  let daemon: Awaited<ReturnType<typeof startBackground>> | undefined;
  return {
    dir,
    socket,
    start: async (signal) => {
      const output = openSync(logFile, "a", 0o600);
      try {
        const path = env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
        const argv = [...self, "agent", `-config=${config}`] as const;
        daemon = await startBackground(argv, { env: { PATH: path, TMPDIR: dir, HOME: dir }, cwd: dir, output });
      } finally {
        closeSync(output);
      }
      if (await answers(socket, daemon.exited, signal)) return;
      const said = readFileSync(logFile, "utf8").trim();
      throw new AppError("unavailable", `the private agent did not start${said === "" ? "" : `; it said:\n${said}`}`);
    },
    remove: async () => {
      if (daemon !== undefined) await end(daemon);
      const left = findMachines(dirs);
      for (const pid of left) signalProcess(pid, "SIGKILL");
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
      return left.length;
    },
  };
}

function dirsIn(dir: string): AgentDirs {
  return { dataDir: join(dir, "data"), runDir: join(dir, "run") };
}

/** What stands in a job file for itself, without quoting and interpolation. */
const PLAIN_PATH = /^[\w./-]+$/;

/** @throws AppError `unavailable` for a temporary directory that is not there, not writable or full. */
function inTemporary<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new AppError("unavailable", `cannot use the temporary directory ${tmpdir()}: ${errnoOf(error)}`, {
      cause: error,
      hint: "name another one in TMPDIR: it must exist, be writable and have room for some 4 MiB",
    });
  }
}

/** In the temporary directory, or in `/tmp` when sockets below the other would get names that are too long, or it has an odd name. */
function makeDirectory(): string {
  const temporary = realpathSync(tmpdir());
  const form = join(temporary, "paddock-demo-XXXXXX");
  const longest = machineSockets(dirsIn(form), "00000000", "").serial.length;
  const fits = longest < MAX_SOCKET_PATH && PLAIN_PATH.test(temporary);
  const made = mkdtempSync(join(fits ? temporary : "/tmp", "paddock-demo-"));
  if (process.getuid?.() === 0) chmodSync(made, 0o711);
  return made;
}

function agentConfig(dir: string, { dataDir, runDir }: AgentDirs): string {
  return `data_dir = ${JSON.stringify(dataDir)}
run_dir  = ${JSON.stringify(runDir)}

# The demo writes next to nothing: a small temporary directory is large enough.
client {
  disk_free_mb = 1024
}

plugin "qemu" {
  config {
    image_paths = [${JSON.stringify(dir)}]
  }
}
`;
}

async function answers(socket: string, exited: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const client = createClient({ kind: "unix", path: socket });
  const end = monotonicMillis() + DEADLINE;
  while (monotonicMillis() < end) {
    try {
      await client.read(ask.self(), signal);
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "unavailable") throw error;
    }
    if ((await Promise.race([exited.then(() => "ended"), delay(ASK_EVERY)])) === "ended") return false;
  }
  return false;
}

async function end(daemon: Awaited<ReturnType<typeof startBackground>>): Promise<void> {
  signalProcess(daemon.pid, "SIGTERM");
  if ((await withDeadline(daemon.exited, DEADLINE)) !== null) return;
  signalProcess(daemon.pid, "SIGKILL");
  await withDeadline(daemon.exited, DEADLINE);
}

/** QEMU's processes and their shells, by the sockets in their arguments: no other process has names in this directory. */
function findMachines({ runDir }: AgentDirs): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && argumentsOf(pid).includes(`${runDir}/`));
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    // It ended in between.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return "";
    throw error;
  }
}

/** A child that was not reaped keeps its number, so nobody else can be hit; one that was is not signalled. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
