import type { Hono } from "hono";
import { MAY_BE_PACKED } from "./compress.ts";
import type { ApiContext } from "./context.ts";

/** `GET /v1/openapi.json`: what these routes are, for programs. The document is made by the tests, out of the schemas. */
export function addOpenApiRoute(app: Hono, { facts }: ApiContext): void {
  app.get("/v1/openapi.json", async (c) => {
    // It is long, and hardly anybody asks for it.
    const { default: document } = await import("./openapi/openapi.json", { with: { type: "json" } });
    return c.json({ ...document, info: { ...document.info, version: facts.version } }, 200, MAY_BE_PACKED);
  });
}
