import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/** State LISTEN of a TCP socket and state CLOSE of an unconnected UDP one (include/net/tcp_states.h). */
const STATES = { tcp: "0A", udp: "07" } as const;

/**
 * Says who holds a port of this host, for messages: `nginx (pid 812)`.
 * @returns undefined when nobody does, or when its processes may not be looked into by this user.
 */
export function findPortHolder(protocol: "tcp" | "udp", port: number): string | undefined {
  const inodes = new Set([...listeningInodes(protocol, port), ...listeningInodes(`${protocol}6`, port)]);
  if (inodes.size === 0) return undefined;
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && holdsSocket(name, inodes));
  return pid === undefined ? undefined : `${programName(pid)} (pid ${pid})`;
}

function listeningInodes(table: "tcp" | "udp" | "tcp6" | "udp6", port: number): string[] {
  const state = table.startsWith("tcp") ? STATES.tcp : STATES.udp;
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readOrEmpty(`/proc/net/${table}`).split("\n").slice(1);
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    return fields[1]?.endsWith(suffix) && fields[3] === state && inode !== undefined ? [inode] : [];
  });
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOrEmpty(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch (error) {
    if (isPassing(error)) return false;
    throw error;
  }
}

function programName(pid: string): string {
  return readOrEmpty(`/proc/${pid}/comm`).trim() || "a process";
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isPassing(error)) return "";
    throw error;
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isPassing(error)) return "";
    throw error;
  }
}

/** Processes come and go while they are looked at, and those of other users are closed to us. */
function isPassing(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "");
}
