import { delay, monotonicMillis } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { type ConsoleLink, type ConsolePlace, openConsole } from "../../client/console.ts";
import { MACHINE_ENDED } from "../../contract/console.ts";
import type { Looking } from "./viewer.ts";

/** How long an agent that is gone is waited for, in milliseconds: it may be restarted just now. */
const PATIENCE = 30_000;
const TRY_AGAIN = 250;

/**
 * Waits for an agent that is gone and goes on where the console was.
 * @returns null when the viewer has left, or when the machine has ended meanwhile, which was said.
 * @throws AppError when the agent does not come back.
 */
export async function reattach(
  looking: Looking,
  place: ConsolePlace | undefined,
  away: AbortSignal,
): Promise<ConsoleLink | null> {
  const { client, target, readOnly, screen } = looking;
  screen.say("the agent is gone, the machine runs on; waiting for the agent");
  const deadline = monotonicMillis() + PATIENCE;
  while (!away.aborted) {
    try {
      const options = { readOnly, scrollback: 0, from: place };
      const link = await openConsole(client.address, target.allocation.ID, target.task, options);
      screen.say("the agent is back");
      return link;
    } catch (error) {
      if (isEnded(error)) return await tellEnd(looking, place, error);
      if (!(error instanceof AppError) || error.code !== "unavailable" || monotonicMillis() > deadline) throw error;
    }
    await delay(TRY_AGAIN);
  }
  return null;
}

function isEnded(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "conflict" && error.message.startsWith(MACHINE_ENDED);
}

/** Shows the rest of what a machine wrote that ended while nobody could look. */
async function tellEnd(looking: Looking, place: ConsolePlace | undefined, error: AppError): Promise<null> {
  const { client, target, screen } = looking;
  if (place !== undefined) {
    const query = { type: "stdout", follow: false, origin: "start", ...place } as const;
    for await (const { data } of client.readLog(target.allocation.ID, target.task, query)) screen.output(data);
  }
  screen.say(error.message);
  return null;
}
