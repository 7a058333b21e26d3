import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  openSync,
  readdirSync,
} from "node:fs";
import { basename, join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { O_PATH, procPath } from "../base/files.ts";
import type { MachineUser } from "../node/users.ts";
import { readLogIndex, type TaskDirs } from "../paths.ts";
import { logMode, openDirectory, openOwnDirectory } from "./own-files.ts";

/*
 * Who owns what of an allocation whose machine has a user of its own:
 *
 *   <id>                the agent's, passed through by the machine's group while the allocation lives: the gate
 *   <id>/alloc          the agent's, so that the machine cannot put another directory in the place of its logs
 *   <id>/alloc/logs     the machine's, as are alloc/data and alloc/tmp
 *   <id>/<task>         the machine's, with everything in it but
 *   <id>/<task>/.paddock  which is the agent's; the machine reaches the two files of its journal and changes nothing else
 *
 * The machines of an allocation of several tasks have a user each and one group, for the gate. None may do anything to what is another
 * one's, so nothing below <id>/alloc is theirs: alloc/logs is the agent's, and they pass through it to their own files, which the agent
 * makes; alloc/data and alloc/tmp are closed to them.
 */

/** Lets the machine's user pass to its directories, as it must at each start; the gate itself stays the agent's. */
export function openGate(dirs: TaskDirs, { gid }: MachineUser): void {
  chownSync(dirs.alloc, process.getuid?.() ?? 0, gid);
  chmodSync(dirs.alloc, 0o710);
  chmodSync(dirs.shared, 0o711);
}

/**
 * Closes an allocation to everybody but the agent. After that its user may be given to another machine: what lies inside still
 * belongs to that number.
 */
export function closeGate(dirs: Pick<TaskDirs, "alloc">): void {
  try {
    chmodSync(dirs.alloc, 0o700);
  } catch (error) {
    // It ended before it had any directory.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/**
 * Gives the directories of a machine with all that the agent has put into them to the machine's user. Only before this user's first
 * start: afterwards what is in them is the machine's doing.
 * @param alone false where other machines have their logs in the same directory.
 */
export function handOver(dirs: TaskDirs, user: MachineUser, alone = true): void {
  const [data, tmp] = [join(dirs.shared, "data"), join(dirs.shared, "tmp")];
  for (const path of [...(alone ? [dirs.logs, data, tmp] : []), dirs.task]) {
    giveTree(path, user, { closed: true, except: basename(dirs.machine) });
  }
  if (alone) return;
  for (const path of [data, tmp]) chmodSync(path, 0o700);
  for (const name of readdirSync(dirs.logs))
    if (isLogOf(name, basename(dirs.task))) giveLog(join(dirs.logs, name), user);
  chownSync(dirs.logs, process.getuid?.() ?? 0, user.gid);
  chmodSync(dirs.logs, 0o710);
}

function isLogOf(name: string, task: string): boolean {
  return (["stdout", "stderr"] as const).some((type) => readLogIndex(name, task, type) !== undefined);
}

/** One that the agent wrote while its machines had no users; nobody else makes anything there. */
function giveLog(path: string, user: MachineUser): void {
  giveEntry(path, user);
  chmodSync(path, logMode(user));
}

/** Lets the machine's user through to its journal in the agent's directory. */
export function openMachineDirectory(dirs: TaskDirs): void {
  const fd = openOwnDirectory(dirs.machine);
  try {
    fchmodSync(fd, 0o711);
  } finally {
    closeSync(fd);
  }
}

interface Giving {
  /** Nobody else may enter. */
  readonly closed: boolean;
  /** Stays the agent's. */
  readonly except?: string;
}

function giveTree(path: string, user: MachineUser, { closed, except }: Giving): void {
  const fd = openDirectory(path);
  try {
    for (const name of readdirSync(procPath(fd))) {
      if (name !== except) giveEntry(join(procPath(fd), name), user);
    }
    if (closed) fchmodSync(fd, 0o700);
    // Last: until then nobody else can change what is in it.
    fchownSync(fd, user.uid, user.gid);
  } finally {
    closeSync(fd);
  }
}

function giveEntry(path: string, user: MachineUser): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) giveTree(path, user, { closed: false });
    else if (stat.isSymbolicLink()) lchownSync(path, user.uid, user.gid);
    // A second name may be that of a file of the host's.
    else if (stat.isFile() && stat.nlink === 1) chownSync(procPath(fd), user.uid, user.gid);
  } finally {
    closeSync(fd);
  }
}
