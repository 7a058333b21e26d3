import type { MachineUser } from "../node/users.ts";

/**
 * Processes and threads of a machine's user. QEMU has one for each virtual processor, of which no board takes more than 1,024, and up to
 * 64 for each of its event loops; most machines have some ten. The limit is for what has broken out of one.
 */
const MOST_PROCESSES = 4_096;

/** Open files: one for each connection through user networking, besides disks and sockets. */
const MOST_FILES = 65_536;

/**
 * The words of the wrapper that bound what a machine may take of the host, with a line end. No core files, which would hold the
 * guest's memory. The number of processes is counted for each user, so only a user of the machine's own can have a limit of them;
 * dash and BusyBox call that limit -p, bash -u. A limit that is lower already stays: nothing can be raised.
 */
export function limitsFor(user: MachineUser | null): string {
  const processes =
    user === null ? "" : `ulimit -u ${MOST_PROCESSES} 2>/dev/null || ulimit -p ${MOST_PROCESSES} 2>/dev/null\n`;
  return `ulimit -c 0 2>/dev/null\nulimit -n ${MOST_FILES} 2>/dev/null\n${processes}`;
}
