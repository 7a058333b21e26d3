import { AppError, errnoOf } from "../base/errors.ts";
import { MAKE_ROOM } from "../base/room.ts";
import { escapeControls } from "../base/text.ts";

/** The error of one artifact; `source` is the redacted one. */
export function artifactError(source: string, message: string, hint?: string, cause?: unknown): AppError {
  return new AppError("fetch", `artifact ${source}: ${message}`, { hint, cause });
}

/** Trouble that may be over when the source is asked again: the network's, or a server that says so. */
export class PassingTrouble extends AppError {
  /** How long the server wants to be left alone, in milliseconds; null when it did not say. */
  readonly afterMillis: number | null;

  constructor(source: string, message: string, hint?: string, afterMillis: number | null = null, cause?: unknown) {
    super("fetch", `artifact ${source}: ${message}`, { hint, cause });
    this.afterMillis = afterMillis;
  }
}

const NETWORK_TROUBLE: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ECONNREFUSED: ["connection refused", "is the server running, and the port right?"],
  ECONNRESET: ["the connection broke before the end of the reply", "try again; look at the server's log when it stays"],
  ENOTFOUND: ["the host name cannot be resolved", "check the name and this host's DNS"],
  EAI_AGAIN: ["the host name cannot be resolved at the moment", "check this host's DNS"],
  ETIMEDOUT: ["the server does not answer", "check the address and firewalls on the way"],
  EHOSTUNREACH: ["no route to the host", "check the address and this host's network"],
  ENETUNREACH: ["the network is unreachable", "check this host's network"],
  EPROTO: ["the TLS handshake failed", "does the server speak TLS on this port?"],
  InvalidContentLength: ["the server sent contradicting lengths", "look at the server and at proxies on the way"],
};

const UNKNOWN_AUTHORITY = "add the server's authority to this host's certificates, or insecure = true with a checksum";

/** What is wrong with a certificate that another authority would not help against. */
const CERTIFICATE_TROUBLE: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  CERT_HAS_EXPIRED: [
    "has expired",
    "renew it, or is this host's clock right? insecure = true with a checksum goes without",
  ],
  CERT_NOT_YET_VALID: ["is not valid yet", "is this host's clock right?"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "is for another host",
    "name the server as its certificate does, or insecure = true with a checksum",
  ],
};

/** Asking again soon does not help against these. */
const LASTING: ReadonlySet<string> = new Set(["ENOTFOUND", "EPROTO", "InvalidContentLength"]);

/**
 * What went wrong on the network, in our own words: the runtime's texts may hold the URL with its secrets.
 * @param source the redacted one.
 */
export function networkError(source: string, error: unknown): AppError {
  const code = errnoOf(error) ?? errnoOf((error as { cause?: unknown } | null)?.cause);
  const known = code === undefined ? undefined : NETWORK_TROUBLE[code];
  if (known !== undefined && code !== undefined) {
    const [message, hint] = known;
    if (LASTING.has(code)) return artifactError(source, message, hint, error);
    return new PassingTrouble(source, message, hint, null, error);
  }
  if (code !== undefined && /^(Malformed_HTTP_Response|HPE_)/.test(code)) {
    return artifactError(source, "the server does not speak HTTP", "check scheme and port of the source", error);
  }
  if (code !== undefined && /CERT|SIGNED|SIGNATURE|ISSUER|CA_/.test(code)) {
    const [message, hint] = CERTIFICATE_TROUBLE[code] ?? [`is not trusted (${code})`, UNKNOWN_AUTHORITY];
    return artifactError(source, `the server's certificate ${message}`, hint, error);
  }
  const message = `the request failed (${escapeControls(code ?? "unknown network error")})`;
  if (code === undefined || /SSL|TLS|INVALID|UNSUPPORTED/i.test(code)) {
    return artifactError(source, message, undefined, error);
  }
  return new PassingTrouble(source, message, undefined, null, error);
}

const DISK_TROUBLE: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ENOSPC: ["no space left on the disk", MAKE_ROOM],
  EDQUOT: ["the disk quota is used up", MAKE_ROOM],
  EACCES: ["permission denied", "the agent must be able to write there"],
  EPERM: ["not permitted", "the agent must be able to write there"],
  EROFS: ["the file system is read-only", "the agent must be able to write there"],
  EFBIG: ["the file grows larger than the file system or a limit allows", "see ulimit -f of the agent"],
};

/**
 * What went wrong on the disk.
 * @param path as people know it, not the one the system call got.
 * @param more how far it was.
 */
export function diskError(source: string, path: string, doing: string, error: unknown, more = ""): AppError {
  const code = errnoOf(error) ?? "unknown error";
  const [message, hint] = DISK_TROUBLE[code] ?? [code, undefined];
  return artifactError(
    source,
    `cannot ${doing} ${escapeControls(path)}: ${message}${more === "" ? "" : ` ${more}`}`,
    hint,
    error,
  );
}

/**
 * Runs what touches the disk. @param path as people know it.
 * @param more how far it was, for the error.
 * @throws AppError `fetch` for whatever it throws.
 */
export function onDisk<T>(source: string, path: string, doing: string, work: () => T, more?: () => string): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw artifactError(source, error.message, error.hint, error);
    throw diskError(source, path, doing, error, more?.());
  }
}
