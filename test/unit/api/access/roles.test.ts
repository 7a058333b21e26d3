import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import type { Beside } from "../../../../src/api/access/caller.ts";
import { admitByRole } from "../../../../src/api/access/guard.ts";
import { ROUTE_ROLES, routeKey } from "../../../../src/api/access/roles.ts";
import { covers, ROLES, type Role } from "../../../../src/contract/role.ts";
import { testApi } from "../../../helpers/api.ts";
import { remoteClient, secretFor } from "../../../helpers/remote.ts";

test("every route has a role, and every role is of a route", () => {
  const routes = testApi().api.routes.map(({ method, path }) => routeKey(method, path));
  expect(Object.keys(ROUTE_ROLES).toSorted()).toEqual([...new Set(routes)].toSorted());
});

describe.each([...ROLES])("a token with the role %s", (role) => {
  test("gets into the routes of its role and of lower ones, and into no other", async () => {
    const one = testApi();
    const client = remoteClient(one.api);
    for (const { method, path } of one.api.routes) {
      // A new one each time: one of the routes revokes.
      const secret = secretFor(one.agent, role);
      const body = method === "GET" ? {} : { body: {} };
      const reply = await client.send(method, path.replaceAll(/:\w+/g, "x"), { secret, ...body });
      await reply.body?.cancel();
      const needed = ROUTE_ROLES[routeKey(method, path)] as Role;
      expect({ method, path, refused: reply.status === 403 }).toEqual({ method, path, refused: !covers(role, needed) });
    }
  });
});

test("HEAD needs what GET does", async () => {
  const one = testApi();
  const client = remoteClient(one.api);
  const heads = ["/v1/acl/tokens", "/v1/jobs"].map((path) =>
    client.send("HEAD", path, { secret: secretFor(one.agent, "read") }),
  );
  expect((await Promise.all(heads)).map(({ status }) => status)).toEqual([403, 200]);
});

test("a route that nobody gave a role is for admin alone", async () => {
  const app = new Hono();
  app.use(admitByRole);
  app.get("/v1/new/:thing", (c) => c.text("in"));
  const ask = async (role: Role): Promise<number> => {
    const token = { accessor: "", name: "", role, hash: "", createdAt: 0, expiresAt: null, createIndex: 0 };
    const beside: Beside = { caller: { kind: "token", token, address: "" }, upgrade: undefined };
    app.onError((_, c) => c.text("out", 403));
    return (await app.fetch(new Request("http://localhost/v1/new/x"), beside)).status;
  };
  expect([await ask("read"), await ask("operate"), await ask("admin")]).toEqual([403, 403, 200]);
});

test.each(["/v1/vars", "/v1/nothing", "/"])("whoever has a token learns that %s is not there", async (path) => {
  const one = testApi();
  const reply = await remoteClient(one.api).send("GET", path, { secret: secretFor(one.agent, "read") });
  expect([404, 501]).toContain(reply.status);
});
