import { AppError, errnoOf } from "../base/errors.ts";
import { execProgram } from "../base/exec.ts";
import type { MachineUser } from "./users.ts";

/** What a user wants to do with a file; `pass` is to reach what lies in a directory, `make` to put files into it. */
export type Access = "read" | "write" | "pass" | "make";

export interface Wanted {
  /** A relative one counts from the working directory that is asked about. */
  readonly path: string;
  readonly access: Access;
}

/** Asks the kernel by the shell's own tests, one pair of words after the other, and prints the number of each that is denied. */
const ASK = `n=0
while [ $# -gt 1 ]; do
  case $1 in
    read) [ -r "$2" ] ;;
    write) [ -r "$2" ] && [ -w "$2" ] ;;
    pass) [ -x "$2" ] ;;
    make) [ -w "$2" ] && [ -x "$2" ] ;;
  esac || echo "$n"
  n=$((n + 1))
  shift 2
done
echo done`;

/** Milliseconds; it takes two, unless a path lies on a file system that hangs. */
const DEADLINE = 5_000;

/**
 * What a user may not do with files and directories, as the kernel sees it: modes, access lists and every directory on the way.
 * @param cwd absolute.
 * @throws AppError `internal` when nothing can be started as this user.
 */
export async function findDenied(user: MachineUser, cwd: string, wanted: readonly Wanted[]): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const words = wanted.flatMap(({ access, path }) => [access, path]);
  try {
    const { stdout, stderr } = await execProgram(["/bin/sh", "-c", ASK, "sh", ...words], DEADLINE, { user, cwd });
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
