import { AppError, unreadable } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { parseGoBool } from "../base/text.ts";
import type { ClientTls } from "../runtime/fetch.ts";

/** What a client shows an agent elsewhere, and what it believes it by. */
export interface Credentials {
  /** The secret of a token; null for none. */
  readonly token: string | null;
  readonly tls: ClientTls;
}

/** Where a value of a credential comes from: a flag, then a variable of ours, then Nomad's. */
const PLACES = {
  token: { flag: "token", env: "TOKEN" },
  ca: { flag: "ca-cert", env: "CACERT" },
  cert: { flag: "client-cert", env: "CLIENT_CERT" },
  key: { flag: "client-key", env: "CLIENT_KEY" },
  serverName: { flag: "tls-server-name", env: "TLS_SERVER_NAME" },
  insecure: { flag: "tls-skip-verify", env: "SKIP_VERIFY" },
} as const;

export interface CredentialSources {
  /** The value of a flag; "" for one that has none; undefined when it was not given. */
  readonly flag: (name: string) => string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws AppError `not_found`, `invalid` for a file that cannot be read, one of certificate and key alone, and a switch that is neither true nor false. */
export function readCredentials(sources: CredentialSources): Credentials {
  const text = (name: keyof typeof PLACES) => find(sources, PLACES[name]);
  const cert = readFile(text("cert"));
  const key = readFile(text("key"));
  if ((cert === null) !== (key === null)) {
    throw new AppError("invalid", "-client-cert and -client-key: expected both or none", {
      hint: "the variables are PADDOCK_CLIENT_CERT and PADDOCK_CLIENT_KEY, or Nomad's",
    });
  }
  const tls = { ca: readFile(text("ca")), cert, key, serverName: text("serverName")?.value ?? null };
  return { token: text("token")?.value.trim() || null, tls: { ...tls, insecure: readSwitch(text("insecure")) } };
}

interface Found {
  readonly value: string;
  /** What it was given as. */
  readonly from: string;
}

function find(
  { flag, env }: CredentialSources,
  place: { readonly flag: string; readonly env: string },
): Found | undefined {
  const given = flag(place.flag);
  if (given !== undefined) return { value: given, from: `-${place.flag}` };
  for (const name of [`PADDOCK_${place.env}`, `NOMAD_${place.env}`]) {
    const value = env[name];
    if (value) return { value, from: name };
  }
  return undefined;
}

/** A chain of certificates is some KiB. */
const MAX_PEM_BYTES = 1 << 20;

function readFile(found: Found | undefined): string | null {
  if (found === undefined) return null;
  try {
    return readBeginning(found.value, MAX_PEM_BYTES).toString("latin1");
  } catch (error) {
    throw unreadable(`${found.from} ${found.value}`, error);
  }
}

function readSwitch(found: Found | undefined): boolean {
  if (found === undefined) return false;
  const value = found.value === "" ? true : parseGoBool(found.value);
  if (value !== undefined) return value;
  throw new AppError("invalid", `${found.from}: expected true or false, found ${JSON.stringify(found.value)}`);
}
