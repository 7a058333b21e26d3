import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { procPath } from "../base/files.ts";
import type { MachineUser } from "../node/users.ts";
import { type DiskFiles, diskFiles, type MachineFiles, machineFiles } from "../paths.ts";
import type { MachinePlace } from "./machine-place.ts";

/*
 * What root does with files in a directory that a machine's user may write: every name in it may have become a link to a file of the
 * host's or another name of one. So nothing here follows a link, and what is not what it should be is not touched.
 */

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens a directory itself, never what a link in its place leads to. The caller closes it. @throws system errors. */
export function openDirectory(path: string): number {
  return openSync(path, DIRECTORY);
}

/** The mode of a log's file. Where machines have users the directory may be open to others than the one whose log it is. */
export const logMode = (user: MachineUser | null): number => (user === null ? 0o644 : 0o600);

/** Gives an open file that was just made to a machine's user; null leaves it the agent's. */
export function giveFile(fd: number, user: MachineUser | null): void {
  if (user !== null) fchownSync(fd, user.uid, user.gid);
}

/** Gives a directory to a machine's user, closed to everybody else; null leaves it as it is. @throws system errors. */
export function giveDirectory(path: string, user: MachineUser | null): void {
  if (user === null) return;
  const fd = openDirectory(path);
  try {
    fchmodSync(fd, 0o700);
    fchownSync(fd, user.uid, user.gid);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes sure of an open file before root writes to it or empties it: it is the machine's own, and has no other name. Machines of
 * the agent's own user have nothing that the agent has not, so that theirs only have to be regular files.
 * @throws AppError `invalid`.
 */
export function assertOwnFile(fd: number, path: string, user: MachineUser | null): void {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new AppError("invalid", `${path} is not a regular file`);
  if (user === null) return;
  if (stat.uid !== user.uid) {
    throw new AppError("invalid", `${path} belongs to user ${stat.uid}, expected the machine's, ${user.uid}`);
  }
  if (stat.nlink > 1) throw new AppError("invalid", `${path} has another name elsewhere (hard link)`);
}

/** Opens a file of a log to add to it; one that was not there is made and given to the machine's user. @throws AppError `invalid`. */
export function openLogFile(path: string, user: MachineUser | null): number {
  const made = openIfFree(path, constants.O_WRONLY | constants.O_APPEND, logMode(user));
  // A machine of before may have put a FIFO or a link under a name of ours: neither is waited for nor followed.
  const there = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = made ?? openSync(path, there);
  try {
    if (made !== null) giveFile(fd, user);
    else assertOwnFile(fd, path, user);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openIfFree(path: string, flags: number, mode: number): number | null {
  try {
    return openSync(path, flags | constants.O_CREAT | constants.O_EXCL, mode);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return null;
    throw error;
  }
}

/**
 * Lends the agent's own files about a start, in the very directory that the agent made: a machine that owns the directory above can
 * put another one in its place, but none that belongs to the agent.
 * @throws AppError `invalid` when it is not the agent's any more; system errors.
 */
export async function withMachineFiles<T>(
  { dirs, generation }: Pick<MachinePlace, "dirs" | "generation">,
  use: (files: MachineFiles) => T | Promise<T>,
): Promise<T> {
  const fd = openOwnDirectory(dirs.machine);
  try {
    return await use(machineFiles({ ...dirs, machine: procPath(fd) }, generation));
  } finally {
    closeSync(fd);
  }
}

/** Lends the agent's own files about a disk as `withMachineFiles` does those about a start. @throws AppError `invalid`, system errors. */
export async function withDiskFiles<T>(
  { machine }: Pick<MachinePlace["dirs"], "machine">,
  use: (files: DiskFiles) => T | Promise<T>,
): Promise<T> {
  const fd = openOwnDirectory(machine);
  try {
    return await use(diskFiles({ machine: procPath(fd) }));
  } finally {
    closeSync(fd);
  }
}

/** Opens the agent's own directory about a machine. The caller closes it. @throws AppError `invalid`, system errors. */
export function openOwnDirectory(path: string): number {
  let fd: number;
  try {
    fd = openDirectory(path);
  } catch (error) {
    if (!["ELOOP", "ENOTDIR"].includes(errnoOf(error) ?? "")) throw error;
    throw new AppError("invalid", `${path} is no directory any more: the machine has put something in its place`);
  }
  const { uid } = fstatSync(fd);
  if (uid === process.getuid?.()) return fd;
  closeSync(fd);
  throw new AppError("invalid", `${path} belongs to user ${uid}: the machine has put it in the place of the agent's`);
}
