import type { Context } from "hono";
import { matchedRoutes } from "hono/route";
import type { Role } from "../../contract/role.ts";

/**
 * The role that each route needs; POST is as PUT. What only looks at things is read: definitions of jobs with all that stands in them, as
 * Nomad's `read-job`. What stops, starts or talks to machines is operate; a job whose text reaches out of its machine needs more
 * (`src/agent/powers.ts`). What concerns other jobs' things, or who may do what, is admin.
 */
export const ROUTE_ROLES: Readonly<Record<string, Role>> = {
  "GET /v1/jobs": "read",
  "PUT /v1/jobs": "operate",
  "PUT /v1/jobs/parse": "read",
  "PUT /v1/validate/job": "read",
  "GET /v1/job/:id": "read",
  "PUT /v1/job/:id": "operate",
  "DELETE /v1/job/:id": "operate",
  "PUT /v1/job/:id/plan": "operate",
  "GET /v1/job/:id/summary": "read",
  "GET /v1/job/:id/allocations": "read",
  "GET /v1/job/:id/evaluations": "read",
  "GET /v1/job/:id/deployment": "read",
  "GET /v1/job/:id/versions": "read",
  "PUT /v1/job/:id/revert": "operate",
  "PUT /v1/job/:id/evaluate": "operate",
  "GET /v1/job/:id/scale": "read",
  "PUT /v1/job/:id/scale": "operate",
  "GET /v1/job/:id/submission": "read",
  "GET /v1/job/:id/services": "read",
  "GET /v1/allocations": "read",
  "GET /v1/allocation/:id": "read",
  "PUT /v1/allocation/:id/stop": "operate",
  "GET /v1/allocation/:id/checks": "read",
  "GET /v1/allocation/:id/services": "read",
  "GET /v1/client/allocation/:id/checks": "read",
  "GET /v1/client/allocation/:id/stats": "read",
  "GET /v1/client/stats": "read",
  "GET /v1/metrics": "read",
  "GET /v1/services": "read",
  "GET /v1/service/:name": "read",
  "PUT /v1/client/allocation/:id/restart": "operate",
  "PUT /v1/client/allocation/:id/signal": "operate",
  "GET /v1/evaluations": "read",
  "GET /v1/evaluations/count": "read",
  "GET /v1/evaluation/:id": "read",
  "GET /v1/evaluation/:id/allocations": "read",
  "GET /v1/nodes": "read",
  "GET /v1/node/:id": "read",
  "GET /v1/node/:id/allocations": "read",
  "PUT /v1/node/:id/eligibility": "admin",
  "PUT /v1/node/:id/drain": "admin",
  "GET /v1/agent/self": "read",
  "GET /v1/agent/health": "read",
  "GET /v1/agent/members": "read",
  "GET /v1/status/leader": "read",
  "GET /v1/regions": "read",
  "GET /v1/namespaces": "read",
  "GET /v1/deployments": "read",
  "PUT /v1/system/gc": "admin",
  "GET /v1/client/gc": "admin",
  "PUT /v1/client/gc": "admin",
  "GET /v1/client/allocation/:id/gc": "admin",
  "PUT /v1/client/allocation/:id/gc": "admin",
  "GET /v1/client/fs/logs/:alloc": "read",
  "GET /v1/client/fs/ls/:alloc": "read",
  "GET /v1/client/fs/stat/:alloc": "read",
  // What lies there may be secret: files out of templates, and disks with all that a guest has.
  "GET /v1/client/fs/cat/:alloc": "admin",
  "GET /v1/client/fs/readat/:alloc": "admin",
  "GET /v1/client/fs/stream/:alloc": "admin",
  "GET /v1/event/stream": "read",
  "GET /v1/agent/monitor": "operate",
  "GET /v1/openapi.json": "read",
  "PUT /v1/search": "read",
  "PUT /v1/search/fuzzy": "read",
  "GET /v1/vm/:alloc/:task/receipt": "read",
  "GET /v1/vm/:alloc/:task/explain": "read",
  "PUT /v1/vm/:alloc/:task/power": "operate",
  "GET /v1/vm/:alloc/:task/why": "read",
  "GET /v1/vm/:alloc/:task/journal": "read",
  // Also where it is only looked at: the log tells the same to whoever may read.
  "GET /v1/vm/:alloc/:task/console": "operate",
  "GET /v1/images": "read",
  "PUT /v1/images/prune": "admin",
  "PUT /v1/images/pull": "admin",
  "GET /v1/image/:checksum": "read",
  "DELETE /v1/image/:checksum": "admin",
  "PUT /v1/image/:checksum/verify": "admin",
  "PUT /v1/bundles": "admin",
  "PUT /v1/bundle/:id": "admin",
  "DELETE /v1/bundle/:id": "admin",
  "PUT /v1/bundle/:id/load": "admin",
  "GET /v1/acl/tokens": "admin",
  "PUT /v1/acl/token": "admin",
  "GET /v1/acl/token/self": "read",
  "GET /v1/acl/token/:accessor": "admin",
  "DELETE /v1/acl/token/:accessor": "admin",
};

/** How the table calls a route. */
export function routeKey(method: string, path: string): string {
  return `${method === "POST" ? "PUT" : method} ${path}`;
}

/** The route that a request is for, as the table calls it; undefined for one that is answered with 404, 405 or 501. */
export function routeOf(c: Context): string | undefined {
  // Hono answers HEAD by the route of GET. Guards and what is not supported are there for every method.
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  const found = matchedRoutes(c).find((route) => route.method === method);
  return found && routeKey(found.method, found.path);
}

/** The role that a request needs: of a route that the table does not have the highest one. */
export function roleNeeded(c: Context): Role {
  const route = routeOf(c);
  if (route === undefined) return "read";
  return Object.hasOwn(ROUTE_ROLES, route) ? (ROUTE_ROLES[route] ?? "admin") : "admin";
}
