import { dirname, join } from "node:path";
import { hash32, shortId } from "./base/ids.ts";

/**
 * Every name that this program makes on disk stands here once. Layout and modes are Nomad's where Nomad has them
 * (`<data_dir>/alloc/<alloc id>/…`).
 */

/** Longest unix socket path that QEMU takes on Linux (`sun_path`, 108 bytes). */
export const MAX_SOCKET_PATH = 108;

export const DEFAULT_CONFIG_FILE = "/etc/paddock/paddock.hcl";
export const SYSTEM_DATA_DIR = "/var/lib/paddock";
export const SYSTEM_RUN_DIR = "/run/paddock";

export interface AgentDirs {
  /** Absolute: state that survives a reboot. */
  readonly dataDir: string;
  /** Absolute and short: sockets. */
  readonly runDir: string;
}

/** Where an agent keeps its files unless it is told: the system's places for root, the XDG ones for an ordinary user. */
export function defaultDirs(uid: number, env: Readonly<Record<string, string | undefined>>): AgentDirs {
  if (uid === 0) return { dataDir: SYSTEM_DATA_DIR, runDir: SYSTEM_RUN_DIR };
  const home = env["HOME"] ?? "/nonexistent";
  const state = env["XDG_STATE_HOME"] || join(home, ".local", "state");
  const run = env["XDG_RUNTIME_DIR"] || join("/tmp", `paddock-${uid}`);
  return {
    dataDir: join(state, "paddock"),
    runDir: env["XDG_RUNTIME_DIR"] ? join(run, "paddock") : run,
  };
}

/** Where programs of a user keep what they could fetch again (XDG); undefined for one who has no home. */
export function userCacheDir(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const base = env["XDG_CACHE_HOME"] || (env["HOME"] ? join(env["HOME"], ".cache") : undefined);
  return base === undefined ? undefined : join(base, "paddock");
}

export const apiSocket = (dirs: AgentDirs): string => join(dirs.runDir, "api.sock");
export const databaseFile = (dirs: AgentDirs): string => join(dirs.dataDir, "paddock.db");
/** Room that is set aside for a full disk. */
export const reserveFile = (dirs: AgentDirs): string => join(dirs.dataDir, "reserve");
export const auditFile = (dirs: AgentDirs): string => join(dirs.dataDir, "audit.log");
/** Held locked by the one agent of a data directory. */
export const lockFile = (dirs: AgentDirs): string => join(dirs.dataDir, "agent.lock");

export const allocsDir = (dirs: AgentDirs): string => join(dirs.dataDir, "alloc");
export const allocDir = (dirs: AgentDirs, allocId: string): string => join(allocsDir(dirs), allocId);

/** The directories of one task and of the allocation it belongs to; all absolute. */
export interface TaskDirs {
  /** `<data_dir>/alloc/<id>`: what `image_path` and artifacts may not leave. */
  readonly alloc: string;
  /** `alloc/` of the group, shared by its tasks. */
  readonly shared: string;
  readonly logs: string;
  /** QEMU's working directory. */
  readonly task: string;
  readonly local: string;
  readonly secrets: string;
  readonly tmp: string;
  /** The agent's own files about this machine. */
  readonly machine: string;
}

export const taskDirs = (dirs: AgentDirs, allocId: string, task: string): TaskDirs =>
  taskDirsOf(allocDir(dirs, allocId), task);

/** What the task of `spareDirs` is called. */
export const SPARE_TASK = "task";
/** The directories that the next allocation gets, as long as nobody knows which one that is. */
export const spareDirs = (dirs: AgentDirs): TaskDirs => taskDirsOf(join(dirs.dataDir, "spare"), SPARE_TASK);

function taskDirsOf(alloc: string, task: string): TaskDirs {
  const shared = join(alloc, "alloc");
  const taskDir = join(alloc, task);
  return {
    alloc,
    shared,
    logs: join(shared, "logs"),
    task: taskDir,
    local: join(taskDir, "local"),
    secrets: join(taskDir, "secrets"),
    tmp: join(taskDir, "tmp"),
    machine: join(taskDir, ".paddock"),
  };
}

export const stdoutLog = (dirs: TaskDirs, task: string, index = 0): string =>
  join(dirs.logs, `${task}.stdout.${index}`);
export const stderrLog = (dirs: TaskDirs, task: string, index = 0): string =>
  join(dirs.logs, `${task}.stderr.${index}`);

/** The two logs of a task: the serial console, and QEMU's own words. */
export type LogType = "stdout" | "stderr";

/** One file of a log; the highest index is the newest. */
export const taskLog = (dirs: TaskDirs, task: string, type: LogType, index: number): string =>
  join(dirs.logs, `${task}.${type}.${index}`);

/** Highest index of a log's files; names with a higher one are nobody's of ours. */
export const MAX_LOG_INDEX = 999_999_999;

/** The index in a name that `taskLog` makes; undefined for any other name. */
export function readLogIndex(name: string, task: string, type: LogType): number | undefined {
  const start = `${task}.${type}.`;
  const digits = name.startsWith(start) ? name.slice(start.length) : "";
  return /^(0|[1-9]\d{0,8})$/.test(digits) ? Number(digits) : undefined;
}

/**
 * When a log had been written up to which place, for all starts of a task. Beside the directories that machines may write to: this is
 * the agent's.
 */
export const logTimes = (dirs: TaskDirs, task: string, type: LogType): string =>
  join(dirs.alloc, `.${task}.${type}.times`);

/**
 * What the agent knows of a file that is half fetched, for the next try to take it up. Beside the directories that machines may write
 * to: the agent believes it.
 * @param alloc the allocation directory.
 * @param target the file, as 16 hex digits that tell it from others of the allocation.
 */
export const downloadJournal = (alloc: string, target: string): string => join(alloc, `.${target}.download`);

/** The last bundle of each key that was loaded. */
export const bundlesFile = (dirs: AgentDirs): string => join(dirs.dataDir, "bundles.json");

/** What was fetched once, for all jobs. The agent's alone: machines reach a file of it by another name, or by descriptor. */
export const cacheDir = (dirs: AgentDirs): string => join(dirs.dataDir, "cache");

/**
 * Places in the cache, all absolute.
 * @param cache what `cacheDir` gives.
 */
export const cachePlaces = (cache: string) => ({
  /** What is not whole yet, or about to go: nothing in it is an entry. */
  parts: join(cache, "parts"),
  /** What was fetched without a checksum: which entry a request led to. */
  sources: join(cache, "sources"),
  /** Entries that were found damaged. */
  damaged: join(cache, "damaged"),
});

/** @param request 32 hex digits, as `cachePlaces().sources` is keyed. */
export const cacheSource = (cache: string, request: string): string =>
  join(cachePlaces(cache).sources, `${request}.json`);

/**
 * Where git works for the cache, beside it: git runs as a user that may not enter the cache. A directory for each request.
 * @param cache what `cacheDir` gives.
 */
export const repositoriesDir = (cache: string): string => join(dirname(cache), "git");

/** The files of one entry of the cache, all absolute. */
export interface EntryFiles {
  readonly dir: string;
  /** The bytes as they were fetched. */
  readonly content: string;
  /** What `content` holds where it is one compressed file; absent until somebody needed it. */
  readonly unpacked: string;
  readonly record: string;
}

/**
 * @param type of the entry's checksum.
 * @param name the checksum's digits, and what else keys the entry.
 */
export const entryFiles = (cache: string, type: string, name: string): EntryFiles =>
  filesOfEntry(join(cache, type, name));

/** The same, of an entry that has no name yet or none any more. */
export const filesOfEntry = (dir: string): EntryFiles => ({
  dir,
  content: join(dir, "content"),
  unpacked: join(dir, "unpacked"),
  record: join(dir, "entry.json"),
});

/** What the agent and the wrapper write about one start of a machine; `generation` counts its starts from 1. */
export interface MachineFiles {
  /** Written before the spawn. */
  readonly intent: string;
  /** QEMU's stat line and `exit N`, written by the wrapper. */
  readonly status: string;
  /** Input of the journal's monitor: holds `qmp_capabilities`. */
  readonly journalIn: string;
  /** The journal: every QMP event, written by QEMU. */
  readonly journalOut: string;
  /** Prefix that QEMU's pipe chardev is told; `.in` and `.out` are added by QEMU. */
  readonly journalPrefix: string;
}

export function machineFiles(dirs: TaskDirs, generation: number): MachineFiles {
  const prefix = join(dirs.machine, `ev.${generation}`);
  return {
    intent: join(dirs.machine, `intent.${generation}`),
    status: join(dirs.machine, `status.${generation}`),
    journalIn: `${prefix}.in`,
    journalOut: `${prefix}.out`,
    journalPrefix: prefix,
  };
}

/** The agent's own files about a task's boot disk; they stay from start to start. */
export interface DiskFiles {
  readonly dir: string;
  /** What the disk is, for every start. */
  readonly record: string;
  /** What the guest has written, of a disk that is an overlay. */
  readonly overlay: string;
  /** The disk that is a copy. */
  readonly copy: string;
  /** Another name of the cache's file that the disk stands over, which keeps that file. */
  readonly base: string;
}

export const diskFiles = ({ machine }: Pick<TaskDirs, "machine">): DiskFiles => ({
  dir: machine,
  record: join(machine, "disk.json"),
  overlay: join(machine, "disk.qcow2"),
  copy: join(machine, "disk.img"),
  base: join(machine, "base"),
});

/** What a disk is called while it is made: nothing runs on it yet. */
export const unfinished = (path: string): string => `${path}.new`;

/** Sockets of one machine, under the run directory because their paths must stay short. */
export interface MachineSockets {
  readonly dir: string;
  /** QMP, held by the agent for the machine's life. */
  readonly qmp: string;
  readonly serial: string;
  /** The human monitor, for people; the task directory has Nomad's name `qm.sock` for it as a link. */
  readonly hmp: string;
  /** The channel to an agent in the guest; the task directory has Nomad's name `qa.sock` for it as a link. */
  readonly guestAgent: string;
}

export function machineSockets(dirs: AgentDirs, allocId: string, task: string): MachineSockets {
  const dir = join(dirs.runDir, `${shortId(allocId)}${taskSuffix(task)}`);
  return {
    dir,
    qmp: join(dir, "qmp.sock"),
    serial: join(dir, "serial.sock"),
    hmp: join(dir, "qm.sock"),
    guestAgent: join(dir, "qa.sock"),
  };
}

/**
 * Where QEMU makes the serial port's next socket when its log goes on in the file `index`; it is renamed to `serial` at once, so
 * that viewers have one path. Never the name that the socket before had: QEMU removes that one when it lets go of it.
 */
export const nextSerialSocket = (sockets: MachineSockets, index: number): string =>
  join(sockets.dir, `serial.${index % 1000}`);

/**
 * Where a serial port's input is written to once somebody has typed: `.in` is a FIFO, `.out` leads nowhere, for what the guest writes
 * is in its log.
 */
export const serialPipe = (
  sockets: MachineSockets,
): { readonly prefix: string; readonly in: string; readonly out: string } => {
  const prefix = join(sockets.dir, "serial");
  return { prefix, in: `${prefix}.in`, out: `${prefix}.out` };
};

/** Whether an entry of a machine's directory of sockets is what `nextSerialSocket` makes. */
export function isNextSerialSocketName(name: string): boolean {
  return /^serial\.\d{1,3}$/.test(name);
}

/** Whether an entry of the run directory is what `machineSockets` makes. */
export function isMachineSocketsName(name: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}$/.test(name);
}

/**
 * The control group that holds the groups of all machines of an agent, below the group that it may divide. Every data directory has
 * its own, so that no agent takes another's groups for remains; no unit of systemd has such a name.
 */
export const agentCgroup = (dirs: AgentDirs): string => `paddock-${hash32(dirs.dataDir).toString(16).padStart(8, "0")}`;

/** The control group of one start of a machine. */
export const machineCgroup = (allocId: string, task: string, generation: number): string =>
  `${shortId(allocId)}${taskSuffix(task)}.${generation}`;

/** Whether an entry of the agent's control group is what `machineCgroup` makes. */
export function isMachineCgroupName(name: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}\.\d{1,9}$/.test(name);
}

/** Tells the tasks of one allocation apart in 4 hex digits, however long their names are; a group has no two of one. */
export function taskSuffix(task: string): string {
  return `-${(hash32(task) & 0xffff).toString(16).padStart(4, "0")}`;
}
