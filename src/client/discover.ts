import { existsSync, readFileSync, type Stats, statSync } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { trySocket } from "../base/try-socket.ts";
import { type Address, defaultSockets, formatAddress, parseAddress } from "./address.ts";
import { strangerAt } from "./stranger.ts";

export interface Wanted {
  /** `-address`, when it was given. */
  readonly flag: string | undefined;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the agent to talk to: `-address`, then `PADDOCK_ADDR`, then `NOMAD_ADDR`, then the first default socket that answers and is no
 * other user's. An address that was named is taken as it is.
 * @throws AppError `unavailable` when no default socket answers, with each that was tried and why; `invalid` for an address that is
 * none.
 */
export async function discoverAgent({ flag, uid, env }: Wanted): Promise<Address> {
  if (flag !== undefined) return parseAddress(flag, "-address");
  for (const name of ["PADDOCK_ADDR", "NOMAD_ADDR"]) {
    const text = env[name];
    if (text) return parseAddress(text, name);
  }
  const tried: { path: string; answer: string }[] = [];
  for (const path of defaultSockets(uid, env)) {
    const answer = (await trySocket(path)) ?? strangerAt(path, uid);
    if (answer === undefined) return { kind: "unix", path };
    tried.push({ path, answer });
  }
  const denied = tried.find(({ answer }) => answer === "EACCES");
  if (denied !== undefined) throw refusedEntry(denied.path);
  const lines = tried.map(({ path, answer }) => `  ${path}: ${answerText(answer)}`);
  throw new AppError("unavailable", `no agent answers; tried:\n${lines.join("\n")}`, { hint: START_HINT });
}

const START_HINT = "start one with: paddock agent; or say where it is with -address or PADDOCK_ADDR";

/**
 * Says why nothing came back from an address.
 * @param cause what the request threw.
 */
export async function explainSilence(address: Address, cause: unknown): Promise<AppError> {
  if (address.kind === "http") {
    const { why, hint } = explainConnection(address.origin, errnoOf(cause));
    return new AppError("unavailable", `no agent answers at ${formatAddress(address)}: ${why}`, { hint, cause });
  }
  const answer = await trySocket(address.path);
  if (answer === "EACCES") return refusedEntry(address.path);
  const why = answer === undefined ? "it hung up in the middle of a reply" : answerText(answer);
  return new AppError("unavailable", `no agent answers at ${formatAddress(address)}: ${why}`, {
    hint: answer === undefined ? "look at the agent's log" : START_HINT,
    cause,
  });
}

const AUTHORITY = "name its authority with -ca-cert or PADDOCK_CACERT";
const OTHER_NAME = "call the agent by a name that its certificate is for, or say that name with -tls-server-name";
const BY_TLS = "is TLS spoken there, and does it ask for a certificate of the client's (-client-cert, -client-key)?";

/** Why there is no connection by TCP, by the code of the failure. */
function explainConnection(origin: string, code = "no connection"): { readonly why: string; readonly hint: string } {
  const isTls = origin.startsWith("https:");
  if (code === "CERT_HAS_EXPIRED") return { why: "its certificate has expired", hint: "renew it on the agent's host" };
  if (code === "CERT_NOT_YET_VALID")
    return { why: "its certificate is not good yet", hint: "are the clocks of both right?" };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return { why: "its certificate is for another name", hint: OTHER_NAME };
  if (/CERT|VERIFY|ISSUER/.test(code)) return { why: `its certificate is not trusted (${code})`, hint: AUTHORITY };
  if (isTls && (code === "EPROTO" || code === "ECONNRESET"))
    return { why: `no TLS came about (${code})`, hint: BY_TLS };
  return { why: code, hint: isTls ? START_HINT : `${START_HINT}; where TLS is spoken write https://` };
}

function answerText(answer: string): string {
  switch (answer) {
    case "ENOENT":
      return "no such socket";
    case "ECONNREFUSED":
      return "nobody listens there; the socket is a dead agent's";
    case "ENOTSOCK":
      return "not a socket";
    case "ENOTDIR":
      return "no such socket, a part of its path is no directory";
    case "EINVAL":
      return "its path is longer than that of a socket may be";
    default:
      return answer;
  }
}

/** Names the user and the group that may use a socket which this user may not. */
export function refusedEntry(path: string): AppError {
  const message = `permission denied on the agent's socket ${path}`;
  let stat: Stats | undefined;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const hint = "a directory above it is closed to this user: run the command as the agent's user";
    return new AppError("unavailable", message, { hint, cause: error });
  }
  if (stat === undefined) return new AppError("unavailable", message);
  const user = nameOf("/etc/passwd", stat.uid);
  const group = nameOf("/etc/group", stat.gid);
  const join =
    stat.gid === 0
      ? "a group called paddock that is there when the agent starts may use it, too"
      : `join the group with: usermod -aG ${group} USER`;
  return new AppError("unavailable", message, {
    hint: `it is open to user ${user} and group ${group}: run the command as ${user}; ${join}`,
  });
}

/** The name behind a number in `/etc/passwd` or `/etc/group`; the number itself when the file has none. */
function nameOf(file: string, id: number): string {
  const line = (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .find((entry) => entry.split(":")[2] === String(id));
  return line?.split(":")[0] ?? String(id);
}
