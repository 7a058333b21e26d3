import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";

/** The user that a machine's QEMU runs as. */
export interface MachineUser {
  readonly uid: number;
  readonly gid: number;
}

/** The users that an agent of root may give to machines, one to each. */
export interface UserPool {
  /** Both included. */
  readonly min: number;
  readonly max: number;
  /** The host's group `kvm`, which `/dev/kvm` belongs to; null where a machine's gid is its uid. */
  readonly kvmGroup: number | null;
}

/**
 * Makes the one who picks users of a pool: such that nobody has, no machine, no account or group of the host's, and no process, which
 * might be what a machine of before has left behind. A uid comes round only when all others were given too, because the processes
 * of the host are looked at only then, which takes tens of microseconds for each.
 * @returns picks a user that is not among `taken`, the uids of machines. @throws AppError `unplaceable` when none is left.
 */
export function createUserChooser(pool: UserPool): (taken: Iterable<number>) => MachineUser {
  let used = new Set(readProcessUids());
  return (taken) => {
    const known = [...taken, ...readAccountIds()];
    const pick = (): number | undefined =>
      pickUid(pool, new Set([...known, ...used]), randomInt(pool.max - pool.min + 1));
    let uid = pick();
    if (uid === undefined) {
      used = new Set(readProcessUids());
      uid = pick();
    }
    if (uid === undefined) throw exhausted(pool);
    used.add(uid);
    return { uid, gid: pool.kvmGroup ?? uid };
  };
}

function exhausted({ min, max }: UserPool): AppError {
  return new AppError("unplaceable", `no user is left for the machine: every uid from ${min} to ${max} is taken`, {
    hint: "stop a job, or widen client.users (dynamic_user_min, dynamic_user_max) in the agent's configuration",
  });
}

/** The first uid of the pool from `offset` on, around its end, that is not taken. */
export function pickUid(
  { min, max }: Pick<UserPool, "min" | "max">,
  taken: ReadonlySet<number>,
  offset: number,
): number | undefined {
  const size = max - min + 1;
  for (let step = 0; step < size; step++) {
    const uid = min + ((offset + step) % size);
    if (!taken.has(uid)) return uid;
  }
  return undefined;
}

/** Every uid and gid that the host's own files name. What a directory service names is the operator's to keep out of the range. */
function readAccountIds(): number[] {
  const numbers = (path: string): number[] =>
    readText(path)
      .split("\n")
      .flatMap((line) => {
        const id = line.split(":")[2];
        return id !== undefined && /^\d+$/.test(id) ? [Number(id)] : [];
      });
  return [...numbers("/etc/passwd"), ...numbers("/etc/group")];
}

/** The id of a group of the host's; undefined when it has none of that name. */
export function groupId(name: string): number | undefined {
  const line = readText("/etc/group")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const id = line?.split(":")[2] ?? "";
  return /^\d+$/.test(id) ? Number(id) : undefined;
}

function readProcessUids(): number[] {
  return readdirSync("/proc").flatMap((name) => {
    const status = /^\d+$/.test(name) ? readText(`/proc/${name}/status`) : "";
    // What has ended and only waits for its parent does nothing any more.
    return /^State:\t[ZX]/m.test(status) ? [] : uidsIn(status);
  });
}

/**
 * The real, effective, saved and file system uid of a process. From its status, because the owner of `/proc/PID` is root for a
 * process that hides itself.
 * @returns undefined when there is no such process.
 */
export function processUids(pid: number): readonly number[] | undefined {
  const uids = uidsIn(readText(`/proc/${pid}/status`));
  return uids.length === 0 ? undefined : uids;
}

function uidsIn(status: string): number[] {
  const line = /^Uid:\t(.*)$/m.exec(status)?.[1];
  return line === undefined ? [] : line.split("\t").map(Number);
}

/** "" for what is not there or gone. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}
