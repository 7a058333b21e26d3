import { dlopen } from "bun:ffi";
import { closeSync } from "node:fs";
import { until } from "./until.ts";

/** A unix socket that takes datagrams, as systemd's for its services. */
export interface DatagramSocket extends AsyncDisposable {
  /** All that came so far, in its order. */
  received(): readonly string[];
  /** Waits for a message that has this line. @returns the whole message. */
  awaitLine(line: string | RegExp, deadline?: number): Promise<string>;
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const MSG_DONTWAIT = 0x40;

/** @param address a path that is free, or `@name` for the abstract namespace. */
export function listenDatagrams(address: string): DatagramSocket {
  const libc = dlopen(`libc.${process.platform === "linux" ? "so.6" : "dylib"}`, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  }).symbols;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  const name = Buffer.from(address.startsWith("@") ? `\0${address.slice(1)}` : `${address}\0`);
  const sockaddr = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
  if (libc.bind(fd, sockaddr, sockaddr.length) !== 0) throw new Error(`cannot bind a socket to ${address}`);
  const all: string[] = [];
  const received = (): readonly string[] => {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const length = Number(libc.recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT));
      if (length < 0) return all;
      all.push(buffer.toString("utf8", 0, length));
    }
  };
  const hasLine = (message: string, wanted: string | RegExp): boolean =>
    message.split("\n").some((line) => (typeof wanted === "string" ? line === wanted : wanted.test(line)));
  return {
    received,
    awaitLine: (line, deadline = 15_000) =>
      until(
        `the message ${line} at ${address}`,
        () => {
          const found = received().find((message) => hasLine(message, line));
          if (found === undefined) throw new Error(`so far: ${JSON.stringify(all)}`);
          return found;
        },
        { deadline },
      ),
    [Symbol.asyncDispose]: async () => closeSync(fd),
  };
}
