import { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { loadLibc } from "./libc.ts";

/** Linux's numbers, the same on x86_64 and aarch64. */
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const MSG_DONTWAIT_NOSIGNAL = 0x4040;
/** `sun_path` of Linux, in bytes. */
const MAX_ADDRESS = 108;

let socketCalls: ReturnType<typeof loadSocketCalls> | undefined;

function loadSocketCalls() {
  return loadLibc(({ i32, i64, u32, u64, ptr }) => ({
    socket: { args: [i32, i32, i32], returns: i32 },
    sendto: { args: [i32, ptr, u64, i32, ptr, u32], returns: i64 },
  }));
}

/**
 * Sends one datagram to a unix socket, without waiting for room at its other end.
 * @param address its path, or a name behind `@` for one in the abstract namespace.
 * @returns false when it was not sent: nobody is there, its queue is full, the name is too long, or the runtime cannot.
 */
export async function sendDatagram(address: string, message: string): Promise<boolean> {
  socketCalls ??= loadSocketCalls();
  const libc = await socketCalls;
  const target = socketAddress(address);
  if (libc === null || target === null) return false;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return false;
  try {
    const bytes = Buffer.from(message);
    const sent = libc.sendto(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT_NOSIGNAL, target, target.length);
    return Number(sent) === bytes.length;
  } finally {
    closeSync(fd);
  }
}

/** A `struct sockaddr_un`, as long as its name: a path ends with a zero, an abstract name begins with one. */
function socketAddress(address: string): Uint8Array | null {
  const name = address.startsWith("@") ? `\0${address.slice(1)}` : `${address}\0`;
  const bytes = Buffer.from(name);
  if (bytes.length < 2 || bytes.length > MAX_ADDRESS) return null;
  const family = Buffer.alloc(2);
  // Both architectures are little-endian.
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, bytes]);
}
