import { AppError, errnoOf } from "../base/errors.ts";
import { execProgram } from "../base/exec.ts";
import type { MachineUser } from "./users.ts";

/**
 * What a user wants to do with a file or directory; `create` is to write to what may have to be made first, `pass` is to reach what
 * lies in a directory.
 */
export type Access = "read" | "write" | "create" | "pass";

export interface Wanted {
  /** Absolute. */
  readonly path: string;
  readonly access: Access;
}

/**
 * Asks the kernel by the shell's own tests, one pair of words after the other, and prints the number of each that is denied. A file
 * that the user does not see is one that is not there when the last directory that it sees on the way is open to it.
 */
const ASK = `may() {
  if [ -e "$2" ]; then
    case $1 in
      read) [ -r "$2" ] ;;
      write) [ -r "$2" ] && [ -w "$2" ] ;;
      create) [ -w "$2" ] ;;
      pass) [ -x "$2" ] ;;
    esac
    return
  fi
  dir=\${2%/*}
  [ "$1" != create ] || ! [ -d "\${dir:-/}" ] || [ -w "\${dir:-/}" ] || return 1
  while [ -n "$dir" ] && ! [ -e "$dir" ]; do dir=\${dir%/*}; done
  [ -z "$dir" ] || ! [ -d "$dir" ] || [ -x "$dir" ]
}
n=0
while [ $# -gt 1 ]; do
  may "$1" "$2" || echo "$n"
  n=$((n + 1))
  shift 2
done
echo done`;

/** Milliseconds; it takes two, unless a path lies on a file system that hangs. */
const DEADLINE = 5_000;

/**
 * What a user may not do with files and directories, as the kernel sees it: modes, access lists and every directory on the way. Of
 * what lies in a directory that the user may not look into, nothing is said but that it is denied, be it there or not.
 * @throws AppError `internal` when nothing can be started as this user.
 */
export async function findDenied(user: MachineUser, wanted: readonly Wanted[]): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const words = wanted.flatMap(({ access, path }) => [access, path]);
  try {
    const { stdout, stderr } = await execProgram(["/bin/sh", "-c", ASK, "sh", ...words], DEADLINE, user);
    const lines = stdout.trim().split("\n");
    if (lines.pop() !== "done") throw new AppError("internal", unanswered(user, stderr.trim() || "no answer"));
    const denied = new Set(lines.map(Number));
    return wanted.filter((_, index) => denied.has(index));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("internal", unanswered(user, errnoOf(error) ?? String(error)), { cause: error });
  }
}

function unanswered({ uid, gid }: MachineUser, why: string): string {
  return `nothing can be run as user ${uid}, group ${gid}: ${why}`;
}
