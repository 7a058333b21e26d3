import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import { besideOf } from "./access/caller.ts";
import { errorReply } from "./errors.ts";

/**
 * Refuses what a web page of somebody else's makes a browser send: a foreign `Origin`, a `Sec-Fetch-Site` that says so, and a `Host`
 * by which a name of the attacker's was pointed at this host (DNS rebinding). A page cannot change any of the three.
 * @param names by which clients elsewhere know this agent, besides its addresses, in lower case.
 */
export function refuseForeignPages(names: () => readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    const isElsewhere = besideOf(c).caller.kind !== "host";
    if (!isOwnHost(host) && !(isElsewhere && isKnownHost(host, names()))) {
      const hint = isElsewhere
        ? "use the agent's address, or a name of its certificate or of advertise in its configuration"
        : "use localhost or the agent's unix socket";
      return errorReply(403, "forbidden: the Host header names another host", hint);
    }
    const origin = c.req.header("origin");
    const site = c.req.header("sec-fetch-site");
    const foreign =
      (origin !== undefined && !isOwnOrigin(origin, host)) || site === "cross-site" || site === "same-site";
    if (foreign) return errorReply(403, "forbidden: requests of web pages from other origins are refused");
    return await next();
  };
}

/** Loopback by name or number; a unix socket's path, which some clients write there and no DNS name can look like; or nothing. */
function isOwnHost(host: string): boolean {
  if (host === "" || /^(\/|%2f)/i.test(host)) return true;
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host);
}

/** A number, which no DNS leads astray, or a name that is known here; one of a certificate may begin with `*.`. */
function isKnownHost(host: string, names: readonly string[]): boolean {
  const [, name = ""] = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host.toLowerCase()) ?? [];
  if (isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0) return true;
  return names.some((known) =>
    known.startsWith("*.") ? name.slice(name.indexOf(".")) === known.slice(1) && !name.startsWith(".") : name === known,
  );
}

function isOwnOrigin(origin: string, host: string): boolean {
  const name = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
  return name !== undefined && name.toLowerCase() === host.toLowerCase();
}
