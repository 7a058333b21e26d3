import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, errorText } from "../base/errors.ts";
import { findDenied } from "./access.ts";
import { KVM_DEVICE } from "./kvm.ts";
import type { KvmFacts } from "./node.ts";
import { groupId, type UserPool } from "./users.ts";

/** Members of this group may use the API's socket of an agent that root runs, when the host has it. */
export const API_GROUP = "paddock";
const KVM_GROUP = "kvm";

/** Capabilities (include/uapi/linux/capability.h) without which root can run nothing as another user or not look after it then. */
const NEEDED = { CAP_CHOWN: 0, CAP_DAC_OVERRIDE: 1, CAP_FOWNER: 3, CAP_KILL: 5, CAP_SETGID: 6, CAP_SETUID: 7 } as const;

export interface PoolRequest {
  /** Both included. */
  readonly min: number;
  readonly max: number;
  /** Absolute directories of the agent's below which machines have what is theirs; they exist. */
  readonly dirs: readonly string[];
  /** Name of the group whose members may use the API's socket; `API_GROUP` unless told. */
  readonly apiGroup?: string;
}

/** Either the users that machines can have, or why each of them cannot have one of its own. */
export type FoundPool =
  | { readonly pool: UserPool }
  | { readonly pool: null; readonly reason: string; readonly hint: string };

/**
 * Finds out whether this agent can give every machine a user of its own: tries it, with the first and the last user of the range,
 * which must reach the directories.
 */
export async function findUserPool({ min, max, dirs, apiGroup = API_GROUP }: PoolRequest): Promise<FoundPool> {
  if (process.getuid?.() !== 0) return none("the agent does not run as root", "run it as root");
  const lacking = lackingCapabilities(readFileSync("/proc/self/status", "utf8"));
  if (lacking.length > 0) {
    return none(`the agent lacks ${lacking.join(", ")}`, "give the agent's unit or container these capabilities");
  }
  for (const map of ["uid_map", "gid_map"]) {
    if (isMapped(readMap(map), min, max)) continue;
    const reason = `the ids ${min} to ${max} do not exist in this user namespace (/proc/self/${map})`;
    return none(reason, "set client.users to ids that the namespace has");
  }
  return await tryOut({ min, max, kvmGroup: chooseKvmGroup(groupId(KVM_GROUP), groupId(apiGroup)) }, dirs);
}

/**
 * The group that machines run in: `kvm`, unless it has the id of root's group or of the API's, whose members may do more than use KVM.
 * @returns null where each machine's group has its uid for an id.
 */
export function chooseKvmGroup(kvm: number | undefined, api: number | undefined): number | null {
  return kvm === undefined || kvm === 0 || kvm === api ? null : kvm;
}

async function tryOut(pool: UserPool, dirs: readonly string[]): Promise<FoundPool> {
  const ways = [...new Set(dirs.flatMap(ancestors))];
  try {
    for (const uid of new Set([pool.min, pool.max])) {
      const user = { uid, gid: pool.kvmGroup ?? uid };
      const wanted = ways.map((path) => ({ path, access: "pass" as const }));
      const [closed] = await findDenied(user, wanted);
      if (closed === undefined) continue;
      const hint = `chmod o+x ${closed.path}, or set data_dir and run_dir to other directories`;
      return none(`the users of machines may not pass through ${closed.path}`, hint);
    }
  } catch (error) {
    return none(errorText(error), "see what keeps root from changing its user here");
  }
  return { pool };
}

/** Why machines with users of this pool may not open the device of KVM, and what to do; undefined when they may. */
export async function denyKvm({
  min,
  kvmGroup,
}: UserPool): Promise<{ readonly message: string; readonly remedy: string } | undefined> {
  const denied = await findDenied({ uid: min, gid: kvmGroup ?? min }, [{ path: KVM_DEVICE, access: "write" }]);
  if (denied.length === 0) return undefined;
  const group = kvmGroup === null ? `groupadd --system ${KVM_GROUP} && ` : "";
  return {
    message: `the users of machines may not open ${KVM_DEVICE}`,
    remedy: `${group}chgrp ${KVM_GROUP} ${KVM_DEVICE} && chmod 660 ${KVM_DEVICE}, then start the agent again`,
  };
}

const none = (reason: string, hint: string): FoundPool => ({ pool: null, reason, hint });

/** A directory and all above it, the highest first. */
function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...ancestors(above), path];
}

/** The names of needed capabilities that a process has not, from its `/proc/PID/status`. */
export function lackingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return Object.entries(NEEDED)
    .filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => name);
}

/** Whether a user namespace has every id from `min` to `max`, from the text of its map: first id inside, outside, count. */
export function isMapped(map: string, min: number, max: number): boolean {
  let next = min;
  const ranges = map
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .toSorted(([a = 0], [b = 0]) => a - b);
  for (const [first = 0, , count = 0] of ranges) if (first <= next && next < first + count) next = first + count;
  return next > max;
}

/** A kernel without user namespaces has every id. */
function readMap(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "0 0 4294967295";
    throw error;
  }
}

/** KVM that root can use is of no use to machines that may not open its device. */
export async function kvmForUsers(pool: UserPool): Promise<KvmFacts> {
  try {
    const denied = await denyKvm(pool);
    return denied === undefined
      ? { usable: true, reason: "" }
      : { usable: false, reason: `${denied.message}: ${denied.remedy}` };
  } catch (error) {
    return { usable: false, reason: errorText(error) };
  }
}
