import { readFileSync } from "node:fs";
import { holdsSocket, processIds } from "./port-holder.ts";

/** A process that listens on a socket. */
export interface Listener {
  readonly pid: number;
  /** `R`, `S`, `D`, `T`, … (proc(5)); "" when it has just ended. */
  readonly state: string;
}

/** Bit of a socket that listens (include/linux/net.h, __SO_ACCEPTCON). */
const LISTENS = 0x10000;

/**
 * Finds who listens on a unix socket.
 * @param path as it was bound.
 * @returns undefined when nobody does, when its processes may not be looked into by this user, and where there is no /proc.
 */
export function findListener(path: string): Listener | undefined {
  try {
    const inodes = new Set(
      readFileSync("/proc/net/unix", "utf8")
        .split("\n")
        .flatMap((line) => {
          // Num: RefCount Protocol Flags Type St Inode Path
          const [, , , flags = "", , , inode = "", ...name] = line.trim().split(/\s+/);
          return name.join(" ") === path && (Number.parseInt(flags, 16) & LISTENS) !== 0 ? [inode] : [];
        }),
    );
    const pid = inodes.size === 0 ? undefined : processIds().find((name) => holdsSocket(name, inodes));
    if (pid === undefined) return undefined;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return { pid: Number(pid), state: stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) };
  } catch {
    return undefined; // nothing is known then: it is for a message
  }
}
