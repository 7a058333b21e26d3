import { expect } from "bun:test";
import * as v from "valibot";
import { routeKey } from "../../src/api/access/roles.ts";
import type { Api } from "../../src/api/app.ts";
import { EVERYWHERE, type RouteDescription } from "../../src/api/openapi/description.ts";
import { ROUTE_DESCRIPTIONS } from "../../src/api/openapi/routes.ts";

/** Statuses of what has no route, or none for this method. */
const NO_ROUTE: readonly number[] = [400, 403, 404, 405, 413, 429, 501];

const ROUTES = Object.entries(ROUTE_DESCRIPTIONS).map(([key, description]) => {
  const [method = "", path = ""] = key.split(" ");
  const pattern = path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+");
  return { key, method, description, isPattern: path.includes(":"), matches: new RegExp(`^${pattern}$`) };
});

/** An API of which every reply has to be as its route is described; one that is not fails the test that asked. */
export function heldToContract(api: Api): Api {
  return {
    routes: api.routes,
    fetch: async (request, upgrade) => {
      const reply = await api.fetch(request, upgrade);
      await expectDescribed(request, reply, true);
      return reply;
    },
    // Whoever reads the body of such a reply has left when it is read: it is the test's to do so.
    fetchRemote: async (request, remote) => {
      const reply = await api.fetchRemote(request, remote);
      await expectDescribed(request, reply, false);
      return reply;
    },
  };
}

async function expectDescribed(request: Request, reply: Response, mayRead: boolean): Promise<void> {
  const route = routeOf(request);
  const { status } = reply;
  const type = (reply.headers.get("content-type") ?? "").replace(/;.*$/, "");
  const asked = `${request.method} ${new URL(request.url).pathname}`;
  if (status >= 400) {
    const known = route === undefined ? NO_ROUTE : [...EVERYWHERE, ...route.errors, 405];
    expect({ asked, type, status, known: known.includes(status) }).toEqual({
      asked,
      type: "text/plain",
      status,
      known: true,
    });
    return;
  }
  if (route === undefined) throw new Error(`${asked} was answered, and no description is of it`);
  if (route.replies.some(({ kind }) => kind === "websocket")) return;
  const described = route.replies.find((content) => TYPES[content.kind] === type);
  expect({ asked, status, type, described: described !== undefined }).toEqual({
    asked,
    status: 200,
    type,
    described: true,
  });
  expect({ asked, indexed: reply.headers.has("x-nomad-index") }).toEqual({ asked, indexed: route.indexed === true });
  if (mayRead && described?.kind === "json" && request.method !== "HEAD") {
    const body: unknown = await reply.clone().json();
    expect<unknown>({ asked, body: v.parse(described.schema, body) }).toEqual({ asked, body });
  }
}

const TYPES = {
  json: "application/json",
  frames: "application/json",
  text: "text/plain",
  exposition: "text/plain",
  bytes: "application/octet-stream",
  websocket: "",
} as const;

function routeOf(request: Request): RouteDescription | undefined {
  const { pathname } = new URL(request.url);
  const [method] = routeKey(request.method === "HEAD" ? "GET" : request.method, "").split(" ");
  const found = ROUTES.filter((route) => route.method === method && route.matches.test(pathname));
  return (found.find(({ isPattern }) => !isPattern) ?? found[0])?.description;
}
