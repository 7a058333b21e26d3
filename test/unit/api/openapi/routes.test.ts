import { expect, test } from "bun:test";
import { routeKey } from "../../../../src/api/access/roles.ts";
import { ROUTE_DESCRIPTIONS } from "../../../../src/api/openapi/routes.ts";
import { testApi } from "../../../helpers/api.ts";

test("every route is described, and every description is of a route", () => {
  const routes = testApi().api.routes.map(({ method, path }) => routeKey(method, path));
  expect(Object.keys(ROUTE_DESCRIPTIONS).toSorted()).toEqual([...new Set(routes)].toSorted());
});

test("no route takes a parameter twice", () => {
  for (const [route, { query = [] }] of Object.entries(ROUTE_DESCRIPTIONS)) {
    const names = query.map(({ name }) => name);
    expect({ route, names }).toEqual({ route, names: [...new Set(names)] });
  }
});
