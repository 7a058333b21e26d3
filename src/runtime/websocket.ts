import { closeSync, openSync } from "node:fs";
import { type ClientTls, tlsOfClient } from "./fetch.ts";
import { runtimeKind } from "./kind.ts";

/** Linux's flag for a descriptor that names a file without opening it; `node:fs` has no constant for it. */
const O_PATH = 0o10000000;

/**
 * A WebSocket of a server on a unix socket.
 * @param target path and query, beginning with `/`.
 * @returns null where the runtime cannot do it. @throws when the socket is not there (code `ENOENT`, `EACCES`).
 */
export function openUnixWebSocket(socketPath: string, target: string): WebSocket | null {
  if (runtimeKind !== "bun") return null;
  if (process.platform !== "linux") return new WebSocket(`ws+unix://${socketPath}:${target}`);
  // Bun 1.4.5 takes a path with spaces, percent signs or colons for another one; that of a descriptor has none.
  const fd = openSync(socketPath, O_PATH);
  const socket = new WebSocket(`ws+unix:///proc/self/fd/${fd}:${target}`);
  const release = (): void => {
    socket.removeEventListener("open", release);
    socket.removeEventListener("close", release);
    closeSync(fd);
  };
  socket.addEventListener("open", release);
  socket.addEventListener("close", release);
  return socket;
}

/** A WebSocket at a URL, `ws:` or `wss:`. Only Bun sends headers with its first request and heeds `tls`. */
export function openRemoteWebSocket(
  url: string,
  headers: Readonly<Record<string, string>>,
  tls: ClientTls | undefined,
): WebSocket | null {
  if (runtimeKind !== "bun") return null;
  const options = { headers, ...(tls === undefined ? {} : { tls: tlsOfClient(tls) }) };
  return new WebSocket(url, options as never);
}
