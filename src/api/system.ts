import type { Hono } from "hono";
import { AppError } from "../base/errors.ts";
import { writeGarbage } from "../contract/garbage.ts";
import type { ApiContext } from "./context.ts";
import { flagParam } from "./query.ts";

/** Routes below `/v1/system`. */
export function addSystemRoutes(app: Hono, { agent, stopping }: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/system/gc", async (c) => {
    // Nomad answers at once and says nothing; here whoever asks learns what it came to.
    const collected = agent.garbage.collect({ discard: flagParam(c, "discard") });
    return c.json(writeGarbage(await unlessStopping(collected, stopping)));
  });
}

/** An agent that stops waits for no directory to be empty: the next one goes on. @throws AppError `unavailable`. */
async function unlessStopping<T>(work: Promise<T>, stopping: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onStop = (): void => {
    reject(new AppError("unavailable", "the agent stops; what it was removing, the next one removes"));
  };
  stopping.addEventListener("abort", onStop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    stopping.removeEventListener("abort", onStop);
  }
}
