import { AppError } from "../../base/errors.ts";
import { build } from "../../runtime/build.ts";
import { findLogin, type NetrcLogin } from "./netrc.ts";

/**
 * Headers that another host may see too. Everything else that a job sets may be a credential (`Authorization`, `Cookie`, but also
 * `PRIVATE-TOKEN` or `X-Api-Key`) and stays with the host that it was written for.
 */
const HARMLESS = new Set(["accept", "accept-encoding", "accept-language", "user-agent"]);

/** What this program calls itself unless the job says otherwise. */
export const ownUserAgent = `paddock/${build.version}`;

/**
 * The request's headers: the job's, Basic authorization from the URL's user info as Go's client sends it, or else from what a netrc file
 * has for its host, and ours.
 * @throws AppError `invalid` naming the header, never its value.
 */
export function planHeaders(wanted: Readonly<Record<string, string>>, url: URL, netrc = ""): Record<string, string> {
  const headers: Record<string, string> = { "user-agent": ownUserAgent };
  const basic = url.username !== "" || url.password !== "" ? userInfo(url) : findLogin(netrc, url.hostname);
  if (basic !== undefined) headers["authorization"] = basicAuthorization(basic);
  for (const [name, value] of Object.entries(wanted)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw new AppError("invalid", `headers: ${JSON.stringify(name)} is no valid header name`);
    }
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new AppError("invalid", `headers: the value of ${name} holds a character that no header may hold`);
    }
    headers[name.toLowerCase()] = value;
  }
  // Bytes on the wire must be the bytes that the checksum is about.
  headers["accept-encoding"] = "identity";
  return headers;
}

/**
 * The headers that follow a redirect. Credentials go on only to the same host and port, and never from https to http; what was
 * once left behind does not come back on a later hop.
 */
export function headersAfterRedirect(
  headers: Readonly<Record<string, string>>,
  from: URL,
  to: URL,
): Readonly<Record<string, string>> {
  const downgrade = from.protocol === "https:" && to.protocol === "http:";
  if (from.hostname === to.hostname && from.port === to.port && !downgrade) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.has(name)));
}

function userInfo(url: URL): NetrcLogin {
  try {
    return { login: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch (error) {
    throw new AppError("invalid", "the URL's user info has a percent sign that is no valid escape", { cause: error });
  }
}

/** A login as HTTP's Basic scheme sends it. */
export function basicAuthorization({ login, password }: NetrcLogin): string {
  return `Basic ${Buffer.from(`${login}:${password}`).toString("base64")}`;
}
