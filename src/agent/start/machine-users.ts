import type { Allocation } from "../../allocation/allocation.ts";
import type { ArtifactPlan } from "../../artifact/plan.ts";
import { AppError } from "../../base/errors.ts";
import { createUserChooser, type MachineUser, type UserPool } from "../../node/users.ts";
import type { LaunchPlan } from "../../qemu/launch.ts";
import type { Store } from "../../state/store.ts";
import { handOver, openGate, openMachineDirectory } from "../../supervisor/hand-over.ts";
import type { PrepareRequest } from "../../supervisor/hands.ts";

/** The users of an agent's machines. */
export interface MachineUsers {
  readonly pool: UserPool;
  /**
   * A user that no live machine has; it is taken once the record that names it is in the store.
   * @param more uids that are given away and not in the store yet.
   * @throws AppError `unplaceable` when none is left.
   */
  choose(more?: readonly number[]): MachineUser;
  /** Whom the machines of a live allocation run as, as far as that was said. */
  of(allocationId: string): readonly MachineUser[];
}

/** @param pool null where machines run as the agent's user. */
export function createMachineUsers(pool: UserPool | null, store: Pick<Store, "liveAllocations">): MachineUsers | null {
  if (pool === null) return null;
  const choose = createUserChooser(pool);
  return {
    pool,
    choose: (more = []) => choose([...takenUids(store.liveAllocations()), ...more]),
    of: (allocationId) =>
      store.liveAllocations().flatMap(({ id, tasks }) => (id === allocationId ? usersIn({ tasks }) : [])),
  };
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
  return live.flatMap(usersIn).map(({ uid }) => uid);
}

const usersIn = ({ tasks }: Pick<Allocation, "tasks">): MachineUser[] =>
  Object.values(tasks).flatMap(({ user }) => user ?? []);

/**
 * A user for each task of a new allocation, by the task's name; all of one group, which passes the allocation's gate.
 * @throws AppError `unplaceable`.
 */
export function chooseUsers(
  users: MachineUsers | null,
  tasks: readonly { readonly name: string }[],
): ReadonlyMap<string, MachineUser | null> {
  const chosen = new Map<string, MachineUser | null>();
  for (const { name } of tasks) {
    const beside = [...chosen.values()].flatMap((user) => user ?? []);
    chosen.set(name, users === null ? null : chooseBeside(users, beside));
  }
  return chosen;
}

/** @param beside whom the allocation's other machines run as. */
function chooseBeside(users: MachineUsers, beside: readonly MachineUser[]): MachineUser {
  const chosen = users.choose(beside.map(({ uid }) => uid));
  return { ...chosen, gid: beside[0]?.gid ?? chosen.gid };
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
  // By the store, for two may be made ready at once.
  const user = users === null ? null : (recorded ?? chooseBeside(users, users.of(allocation.id)));
  if (user?.uid !== recorded?.uid) keepUser(user);
  return user;
}

/**
 * Gives a machine's user what it needs on disk; what it had at its last start is its own already.
 * @param alone whether it is the only machine of its allocation.
 */
export function letIn(
  { dirs }: PrepareRequest["place"],
  user: MachineUser | null,
  { last, alone }: { readonly last: Pick<LaunchPlan, "user"> | undefined; readonly alone: boolean },
): void {
  if (user === null) return;
  openMachineDirectory(dirs);
  if (last?.user?.uid !== user.uid) handOver(dirs, user, alone);
  openGate(dirs, user);
}
