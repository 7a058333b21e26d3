import type { MiddlewareHandler } from "hono";
import { assertRole, besideOf } from "./caller.ts";
import { roleNeeded, routeOf } from "./roles.ts";

/** Lets a request through whose token has the role that its route needs. */
export const admitByRole: MiddlewareHandler = async (c, next) => {
  if (besideOf(c).caller.kind !== "host") assertRole(c, roleNeeded(c), routeOf(c) ?? c.req.path);
  return await next();
};

/**
 * Takes the whole body of a request from elsewhere before anything is done with it: whoever sends it slowly has so long as the server
 * lets it be, and what is done afterwards may take its time.
 */
export const takeBody: MiddlewareHandler = async (c, next) => {
  const { bodyTaken } = besideOf(c);
  if (bodyTaken !== undefined && c.req.raw.body !== null) {
    const { url, method, headers, signal } = c.req.raw;
    const body = await c.req.raw.arrayBuffer();
    c.req.raw = new Request(url, { method, headers, signal, body });
    bodyTaken();
  }
  return await next();
};
