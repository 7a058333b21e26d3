import type { Context, Hono } from "hono";
import type { GarbageOutcome } from "../agent/garbage/outcome.ts";
import { AppError } from "../base/errors.ts";
import { writeGarbage } from "../contract/garbage.ts";
import type { ApiContext } from "./context.ts";
import { flagParam, pathParam } from "./query.ts";

/** Routes that remove what has ended. Nomad answers them with nothing; here whoever asks learns what it came to. */
export function addSystemRoutes(app: Hono, { agent, stopping }: ApiContext): void {
  const collect = async (c: Context, how: (options: { discard: boolean }) => Promise<GarbageOutcome>) =>
    c.json(writeGarbage(await unlessStopping(how({ discard: flagParam(c, "discard") }), stopping)));
  app.on(["PUT", "POST"], "/v1/system/gc", (c) => collect(c, agent.garbage.collect));
  // Nomad's clients ask for the next two by GET.
  app.on(["GET", "PUT", "POST"], "/v1/client/gc", (c) => collect(c, agent.garbage.collect));
  app.on(["GET", "PUT", "POST"], "/v1/client/allocation/:id/gc", (c) =>
    collect(c, (options) => agent.garbage.collectOne(pathParam(c, "id"), options)),
  );
}

/** An agent that stops waits for no directory to be empty: the next one goes on. @throws AppError `unavailable`. */
async function unlessStopping<T>(work: Promise<T>, stopping: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onStop = (): void => {
    reject(new AppError("unavailable", "the agent stops; what it was removing, the next one removes"));
  };
  stopping.addEventListener("abort", onStop, { once: true });
  if (stopping.aborted) onStop();
  try {
    return await Promise.race([work, promise]);
  } finally {
    stopping.removeEventListener("abort", onStop);
  }
}
