import type { MiddlewareHandler } from "hono";
import { errorReply } from "./errors.ts";

/**
 * Refuses what a web page of somebody else's makes a browser send: a foreign `Origin`, a `Sec-Fetch-Site` that says so, and a `Host`
 * by which a name of the attacker's was pointed at this host (DNS rebinding). A page cannot change any of the three.
 */
export const refuseForeignPages: MiddlewareHandler = async (c, next) => {
  const host = c.req.header("host") ?? "";
  if (!isOwnHost(host)) {
    return errorReply(403, "forbidden: the Host header names another host", "use localhost or the agent's unix socket");
  }
  const origin = c.req.header("origin");
  const site = c.req.header("sec-fetch-site");
  const foreign = (origin !== undefined && !isOwnOrigin(origin, host)) || site === "cross-site" || site === "same-site";
  if (foreign) return errorReply(403, "forbidden: requests of web pages from other origins are refused");
  return await next();
};

/** Loopback by name or number; a unix socket's path, which some clients write there and no DNS name can look like; or nothing. */
function isOwnHost(host: string): boolean {
  if (host === "" || /^(\/|%2f)/i.test(host)) return true;
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host);
}

function isOwnOrigin(origin: string, host: string): boolean {
  const name = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
  return name !== undefined && name.toLowerCase() === host.toLowerCase();
}
