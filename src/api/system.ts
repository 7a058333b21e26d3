import type { Hono } from "hono";
import { writeGarbage } from "../contract/garbage.ts";
import type { ApiContext } from "./context.ts";
import { flagParam } from "./query.ts";

/** Routes below `/v1/system`. */
export function addSystemRoutes(app: Hono, { agent }: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/system/gc", async (c) => {
    // Nomad answers at once and says nothing; here whoever asks learns what it came to.
    return c.json(writeGarbage(await agent.garbage.collect({ discard: flagParam(c, "discard") })));
  });
}
