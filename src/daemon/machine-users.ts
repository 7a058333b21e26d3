import { existsSync } from "node:fs";
import { createMachineUsers, type MachineUsers } from "../agent/start/machine-users.ts";
import { AppError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { API_GROUP, type FoundPool, findUserPool } from "../node/user-pool.ts";
import { allocsDir } from "../paths.ts";
import type { Store } from "../state/store.ts";

/**
 * Decides what machines run as: a user of its own each, where this agent can give them one, otherwise the agent's user, of which root's
 * agent says once why.
 * @returns null for the agent's user.
 * @throws AppError `unavailable` when the configuration asks for users and there can be none.
 */
export async function findMachineUsers(
  { users, dirs, socket }: UserSettings,
  { store, log }: { readonly store: Store; readonly log: Log },
): Promise<MachineUsers | null> {
  const { wanted } = users;
  if (wanted === false) return null;
  const found = await findPool({ users, dirs, ...(socket !== undefined && { socket }) });
  if (found.pool !== null) return createMachineUsers(found.pool, store);
  const { reason, hint } = found;
  if (wanted === true) throw new AppError("unavailable", `dynamic_workload_users is set, but ${reason}`, { hint });
  if (process.getuid?.() === 0) log.warn("machines run as root instead of users of their own", { reason, hint });
  return null;
}

type UserSettings = Pick<AgentConfig, "users" | "dirs"> & Partial<Pick<AgentConfig, "socket">>;

/** The users that machines of an agent with this configuration can have; directories that are not there yet it will make. */
export async function findPool({ users: { min, max }, dirs, socket }: UserSettings): Promise<FoundPool> {
  const ways = [dirs.dataDir, allocsDir(dirs), dirs.runDir].filter((path) => existsSync(path));
  const apiGroup = socket?.group ?? API_GROUP;
  return await findUserPool({ min, max, dirs: ways, apiGroup });
}
