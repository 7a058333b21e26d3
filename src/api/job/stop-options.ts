import type { Context } from "hono";
import type { StopOptions } from "../../agent/stop.ts";
import { FORCE_SIGNALS } from "../../allocation/ladder.ts";
import { flagParam, optionalWordParam } from "../query.ts";

/** How a stop was asked for: Nomad's `no_shutdown_delay`, and `signal`, which is ours. @throws AppError `invalid`. */
export function stopOptions(c: Context): StopOptions {
  return {
    force: optionalWordParam(c, "signal", FORCE_SIGNALS),
    noShutdownDelay: flagParam(c, "no_shutdown_delay"),
  };
}
