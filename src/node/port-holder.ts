import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/** State LISTEN of a TCP socket and state CLOSE of an unconnected UDP one (include/net/tcp_states.h). */
const STATES = { tcp: "0A", udp: "07" } as const;

/**
 * Says who holds a port of this host, for messages: `nginx (pid 812)`.
 * @param address an IPv4 address; "" is every one.
 * @returns undefined when nobody does, or when its processes may not be looked into by this user.
 */
export function findPortHolder(protocol: "tcp" | "udp", port: number, address = ""): string | undefined {
  const inodes = new Set([
    ...listeningInodes(protocol, port, address),
    ...listeningInodes(`${protocol}6`, port, address),
  ]);
  if (inodes.size === 0) return undefined;
  const pid = processIds().find((name) => holdsSocket(name, inodes));
  return pid === undefined ? undefined : `${programName(pid)} (pid ${pid})`;
}

/** The processes of this host, by the names of their directories in /proc. */
export const processIds = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));

function listeningInodes(table: "tcp" | "udp" | "tcp6" | "udp6", port: number, address: string): string[] {
  const state = table.startsWith("tcp") ? STATES.tcp : STATES.udp;
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readOrEmpty(`/proc/net/${table}`).split("\n").slice(1);
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    const local = fields[1] ?? "";
    if (!local.endsWith(suffix) || fields[3] !== state || inode === undefined) return [];
    return isInTheWay(local.slice(0, -suffix.length), address) ? [inode] : [];
  });
}

/** Whether a socket that is bound to `local` keeps others from an address. @param local hexadecimal, as the kernel's tables have it. */
function isInTheWay(local: string, address: string): boolean {
  if (address === "" || /^0+$/.test(local)) return true;
  const bytes = Uint32Array.of(Number.parseInt(local.slice(-8), 16));
  // The tables have the words of an address in the host's byte order; ::ffff:a.b.c.d is IPv4 in an IPv6 socket.
  const isIPv4 = local.length === 8 || Number.parseInt(local.slice(0, 16), 16) === 0;
  return isIPv4 && [...new Uint8Array(bytes.buffer)].join(".") === address;
}

/** Whether a process has one of these sockets open. @throws system errors that are none of passing or closed processes. */
export function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
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
