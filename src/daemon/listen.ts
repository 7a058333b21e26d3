import { chmodSync, chownSync, lstatSync, rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { monotonicMillis } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { trySocket } from "../base/try-socket.ts";
import type { SocketConfig } from "../config/agent-config.ts";
import { API_GROUP } from "../node/user-pool.ts";
import { groupId } from "../node/users.ts";
import { fetchUnix } from "../runtime/fetch.ts";
import { type Handler, type Server, serveUnix } from "../runtime/serve.ts";

/** Largest request body; a job file of a megabyte is already absurd. */
export const MAX_BODY_BYTES = 8 << 20;

/** @throws AppError `conflict` when another agent answers at a socket: nothing beside it is this one's. */
export async function assertNobodyAnswers(path: string): Promise<void> {
  if (!(await answers(path))) return;
  throw new AppError("conflict", `another agent answers at ${path}`, {
    hint: "stop it, or give this one another run_dir",
  });
}

/**
 * Serves the API on its unix socket, for its owner and its group only. A socket file that nobody answers at is what a dead agent left, and
 * is replaced.
 * @throws AppError `conflict` when another agent answers there, or something else than a socket has the name; `invalid` for a group that
 * cannot have it.
 */
export async function listen(path: string, handler: Handler, socket: SocketConfig = USUAL): Promise<Server> {
  await assertNobodyAnswers(path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket()) {
    throw new AppError("conflict", `${path}: expected a socket or nothing, found something else`, {
      hint: "remove it, or give the agent another run_dir",
    });
  }
  const group = groupOf(socket);
  rmSync(path, { force: true });
  // The mode of a new socket follows the umask: nobody else may connect in the moment before it is set.
  const umask = process.umask(0o177);
  try {
    const server = await serveUnix(path, handler, MAX_BODY_BYTES);
    try {
      if (group !== undefined) chownSync(path, process.getuid?.() ?? 0, group);
    } catch (error) {
      await server.stop();
      rmSync(path, { force: true });
      throw new AppError("invalid", `api_group ${JSON.stringify(socket.group)}: this user is not a member of it`, {
        hint: "usermod -aG lets a user in, from the next login on",
        cause: error,
      });
    }
    chmodSync(path, socket.mode);
    return server;
  } finally {
    process.umask(umask);
  }
}

const USUAL: SocketConfig = { group: null, mode: 0o660 };

/** The id of the group that the socket gets; undefined to leave it to the one that it has. */
function groupOf({ group }: SocketConfig): number | undefined {
  if (group === null) return process.getuid?.() === 0 ? groupId(API_GROUP) : undefined;
  const id = groupId(group);
  if (id !== undefined) return id;
  throw new AppError("invalid", `api_group ${JSON.stringify(group)}: this host has no such group`, {
    hint: "make it with groupadd --system, or leave api_group out",
  });
}

/** Milliseconds after which a listener that says nothing counts as an agent that hangs. */
const SILENCE = 2_000;

/** Milliseconds between two looks at a listener that hangs up: the kernel takes apart what a killed process held piece by piece. */
const BETWEEN = 10;

async function answers(path: string): Promise<boolean> {
  const began = monotonicMillis();
  while (true) {
    const code = await trySocket(path);
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK") return false;
    if (code !== undefined)
      throw new AppError("unavailable", `cannot look whether an agent answers at ${path}: ${code}`);
    // A program that a killed agent was just starting has that agent's sockets until it is loaded: it says nothing, and soon it is gone.
    const left = SILENCE - (monotonicMillis() - began);
    if (left <= 0 || (await speaks(path, left))) return true;
    await setTimeout(BETWEEN);
  }
}

/** Whether somebody says anything at a socket. Whoever keeps silent is waited for. */
async function speaks(path: string, millis: number): Promise<boolean> {
  try {
    const reply = await fetchUnix(path, "/v1/agent/health", { signal: AbortSignal.timeout(Math.ceil(millis)) });
    await reply.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
