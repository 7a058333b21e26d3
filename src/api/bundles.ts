import type { Hono } from "hono";
import { OpenBundleSchema, writeBundleLoaded } from "../contract/bundle.ts";
import type { ApiContext } from "./context.ts";
import { countParam, pathParam } from "./query.ts";
import { MAX_REQUEST_BYTES, readBody } from "./validate.ts";

/**
 * Bundles come in pieces, a request each that is answered when the piece was taken: a server reads the body of one long request faster
 * than a disk writes it, and keeps the rest in memory.
 */
export function addBundleRoutes(app: Hono, context: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/bundles", async (c) => {
    const { TrustedKeys, AllowUnsigned } = (await readBody(c, OpenBundleSchema)).body;
    const id = context.agent.bundles.open({ trustedKeys: TrustedKeys, allowUnsigned: AllowUnsigned });
    return c.json({ ID: id, MaxBytes: MAX_REQUEST_BYTES });
  });
  app.on(["PUT", "POST"], "/v1/bundle/:id", async (c) => {
    const offset = countParam(c, "offset", 0);
    const bytes = new Uint8Array(await c.req.raw.arrayBuffer());
    await context.agent.bundles.feed(pathParam(c, "id"), offset, bytes);
    return c.json({ Offset: offset + bytes.length });
  });
  app.on(["PUT", "POST"], "/v1/bundle/:id/load", async (c) =>
    c.json(writeBundleLoaded(await context.agent.bundles.finish(pathParam(c, "id")))),
  );
  app.delete("/v1/bundle/:id", (c) => {
    context.agent.bundles.abandon(pathParam(c, "id"));
    return c.json({});
  });
}
