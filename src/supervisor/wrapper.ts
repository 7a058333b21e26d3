import { parseStat } from "./identity.ts";

/**
 * The parent of every QEMU: outlives the agent, writes down who QEMU is and how it ended, and does nothing else. The inner shell
 * becomes QEMU by exec, so its own stat line is QEMU's. `$@` is QEMU's command line; descriptor 3 is the status file, which QEMU
 * does not get; what the trap ignores here is set back for QEMU. Where that line cannot be written, as on a full disk, there is no QEMU:
 * nobody would know of it, and its disk would be given to the next one.
 *
 * Descriptor 6 is the machine's control group, opened by the agent: `0` is who writes it, so the wrapper goes in before QEMU exists
 * and everything that QEMU uses is counted. It is closed before QEMU begins, for with it any process can be moved into the group.
 */
export const WRAPPER = `trap '' HUP INT QUIT TERM
{ echo 0 >&6; } 2>/dev/null
exec 6>&-
(trap - HUP INT QUIT TERM; read -r line </proc/self/stat; printf '%s\\n' "$line" >&3 && exec "$@" 3>&-)
printf 'exit %s\\n' "$?" >&3`;

/** Where the wrapper finds its control group; nothing is there when it has none. */
export const CGROUP_FD = 6;

/** What a status file says; it may have been forged by what ran in the machine. */
export interface WrapperStatus {
  readonly pid: number | null;
  readonly startTime: number | null;
  /** N of `exit N`, 0 to 255; null while the machine runs or when the wrapper was killed. */
  readonly exit: number | null;
}

export function parseStatus(bytes: Uint8Array): WrapperStatus {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const stat = parseStat(lines[0] ?? "");
  const exit = lines.map((line) => /^exit (\d{1,3})$/.exec(line)).find((match) => match !== null);
  return {
    pid: stat?.pid ?? null,
    startTime: stat?.startTime ?? null,
    exit: exit === undefined || exit === null ? null : Number(exit[1]),
  };
}
