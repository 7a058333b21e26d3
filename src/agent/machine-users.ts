import type { Allocation } from "../allocation/allocation.ts";
import type { ArtifactPlan } from "../artifact/plan.ts";
import { AppError } from "../base/errors.ts";
import { createUserChooser, type MachineUser, type UserPool } from "../node/users.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Store } from "../state/store.ts";
import { handOver, openGate, openMachineDirectory } from "../supervisor/hand-over.ts";
import type { PrepareRequest } from "../supervisor/hands.ts";

/** The users of an agent's machines. */
export interface MachineUsers {
  readonly pool: UserPool;
  /**
   * A user that no live machine has; it is taken once the record that names it is in the store.
   * @param more uids that are given away and not in the store yet.
   * @throws AppError `unplaceable` when none is left.
   */
  choose(more?: readonly number[]): MachineUser;
}

/** @param pool null where machines run as the agent's user. */
export function createMachineUsers(pool: UserPool | null, store: Pick<Store, "liveAllocations">): MachineUsers | null {
  if (pool === null) return null;
  const choose = createUserChooser(pool);
  return { pool, choose: (more = []) => choose([...takenUids(store.liveAllocations()), ...more]) };
}

/**
 * Gives git a user such as machines have: as nobody it would share its files with whatever else of the host runs as nobody. That user is
 * nobody else's while git runs, for a uid comes round last, and not while a process has it.
 */
export function withGitUser(users: MachineUsers | null, plan: ArtifactPlan): ArtifactPlan {
  if (plan.via.kind !== "git" || users === null) return plan;
  try {
    return { ...plan, via: { ...plan.via, uid: users.choose().uid } };
  } catch (error) {
    // Where machines have all users git is nobody, rather than that a machine waits for another one's end.
    if (error instanceof AppError) return plan;
    throw error;
  }
}

function takenUids(live: readonly Allocation[]): number[] {
  return live.flatMap(({ tasks }) => Object.values(tasks).flatMap(({ user }) => user?.uid ?? []));
}

/** A user for each task of a new allocation, by the task's name. @throws AppError `unplaceable`. */
export function chooseUsers(
  users: MachineUsers | null,
  tasks: readonly { readonly name: string }[],
): ReadonlyMap<string, MachineUser | null> {
  const chosen = new Map<string, MachineUser | null>();
  for (const { name } of tasks) {
    const given = [...chosen.values()].flatMap((user) => user?.uid ?? []);
    chosen.set(name, users?.choose(given) ?? null);
  }
  return chosen;
}

/**
 * Says what a machine will run as. A restart keeps its user, because its files belong to it; a machine that was placed by an agent
 * that gave none gets one now.
 */
export function settleUser(
  users: MachineUsers | null,
  { allocation, task, keepUser }: Pick<PrepareRequest, "allocation" | "task" | "keepUser">,
): MachineUser | null {
  const recorded = allocation.tasks[task]?.user ?? null;
  const user = users === null ? null : (recorded ?? users.choose());
  if (user?.uid !== recorded?.uid) keepUser(user);
  return user;
}

/** Gives a machine's user what it needs on disk; what it had at its last start is its own already. */
export function letIn(
  { dirs }: PrepareRequest["place"],
  user: MachineUser | null,
  last: Pick<LaunchPlan, "user"> | undefined,
): void {
  if (user === null) return;
  openMachineDirectory(dirs);
  if (last?.user?.uid !== user.uid) handOver(dirs, user);
  openGate(dirs, user);
}
