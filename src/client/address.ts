import { resolve } from "node:path";
import { AppError } from "../base/errors.ts";
import { apiSocket, defaultDirs, SYSTEM_DATA_DIR, SYSTEM_RUN_DIR } from "../paths.ts";
import type { Credentials } from "./credentials.ts";

/** Where an agent is reached. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  /** `origin` is `http://host:port` or `https://host:port` without anything behind it. */
  | { readonly kind: "http"; readonly origin: string; readonly credentials?: Credentials };

const FORMS = "write unix:///path/api.sock, the path of a socket, http://host:port or https://host:port";

/**
 * Reads `unix:///path`, a path with a `/` in it, `http://host:port` or `https://host:port`.
 * @param from what the text was given as, for the message: `-address`, `NOMAD_ADDR`.
 * @throws AppError `invalid` for anything else.
 */
export function parseAddress(text: string, from: string): Address {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "unix") return unixAddress(text.slice("unix://".length), from);
  if (scheme === "http" || scheme === "https") return httpAddress(text, from);
  if (scheme === undefined && text.includes("/")) return { kind: "unix", path: resolve(text) };
  throw new AppError("invalid", `${from}: expected the address of an agent, found ${quoteAddress(text)}`, {
    hint: FORMS,
  });
}

function unixAddress(path: string, from: string): Address {
  if (path.startsWith("/")) return { kind: "unix", path };
  throw new AppError("invalid", `${from}: expected an absolute path behind unix://, found ${JSON.stringify(path)}`, {
    hint: FORMS,
  });
}

function httpAddress(text: string, from: string): Address {
  const url = URL.parse(text);
  const plain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (plain && url.pathname === "/") return { kind: "http", origin: url.origin };
  throw new AppError(
    "invalid",
    `${from}: expected ${text.slice(0, text.indexOf(":")).toLowerCase()}://host:port alone, found ${quoteAddress(text)}`,
    {
      hint: FORMS,
    },
  );
}

/** An address in quotes for a message, without what may be a password. */
function quoteAddress(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/]*@/, "//…@").replace(/[?#].*$/, "…"));
}

/** The address as a user would write it. */
export function formatAddress(address: Address): string {
  return address.kind === "unix" ? `unix://${address.path}` : address.origin;
}

/** The sockets where an agent is looked for when nobody names one: the user's own, then the system's. */
export function defaultSockets(uid: number, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const system = apiSocket({ dataDir: SYSTEM_DATA_DIR, runDir: SYSTEM_RUN_DIR });
  return [...new Set([apiSocket(defaultDirs(uid, env)), system])];
}

/** Whether what is sent to an origin stays on this host. */
export function isLoopbackOrigin(origin: string): boolean {
  const host = URL.parse(origin)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
