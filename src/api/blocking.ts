import type { Context } from "hono";
import { AppError } from "../base/errors.ts";
import { formatDuration, MINUTE, parseDuration, toMillis } from "../base/units.ts";
import { MAY_BE_PACKED } from "./compress.ts";
import type { ApiContext } from "./context.ts";
import { Listing } from "./list/listing.ts";
import { countParam } from "./query.ts";

const DEFAULT_WAIT = 5 * MINUTE;
/** Longer waits are cut to this, as in Nomad. */
const MAX_WAIT = 10 * MINUTE;

/**
 * Answers a read as JSON, with Nomad's headers. With `index` in the query the reply is held back until something has changed since
 * that index, `wait` is over (5 minutes unless given, 10 at most) or the agent stops.
 * Of a list the query may ask for a part.
 * @param read makes the reply from the records as they are now; what it throws is answered at once.
 */
export async function replyRead(c: Context, context: ApiContext, read: () => unknown): Promise<Response> {
  const index = countParam(c, "index", 0);
  const wait = waitParam(c);
  if (index >= context.agent.changes.index && index > 0) {
    read();
    await waitForChange(context, index, wait, c.req.raw.signal);
  }
  // The index is taken before the records: a change in between is then told twice rather than never.
  const headers = readHeaders(context);
  const value = read() ?? null;
  const listing = Array.isArray(value) ? Listing.of(value) : value;
  if (!(listing instanceof Listing)) return reply(c, value, headers);
  const { body, nextToken } = listing.choose(c);
  return reply(c, body, nextToken === undefined ? headers : { ...headers, "X-Nomad-NextToken": nextToken });
}

function reply(c: Context, value: unknown, headers: Record<string, string>): Response {
  const all = { ...headers, ...MAY_BE_PACKED };
  if (!(value instanceof JsonText)) return c.json(value, 200, all);
  return c.body(value.text, 200, { ...all, "Content-Type": "application/json" });
}

/** A reply that is JSON already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Headers that Nomad's clients look for on every read. */
export function readHeaders(context: ApiContext): Record<string, string> {
  return {
    "X-Nomad-Index": String(context.agent.changes.index),
    "X-Nomad-KnownLeader": "true",
    "X-Nomad-LastContact": "0",
  };
}

async function waitForChange(context: ApiContext, index: number, millis: number, gone: AbortSignal): Promise<void> {
  const timeout = new AbortController();
  const cancelTimer = context.clock.after(millis, () => timeout.abort());
  try {
    await context.agent.changes.waitAbove(index, AbortSignal.any([timeout.signal, gone, context.stopping]));
  } finally {
    cancelTimer();
  }
}

function waitParam(c: Context): number {
  const text = c.req.query("wait");
  const wait = text === undefined || text === "" ? DEFAULT_WAIT : parseDuration(text);
  if (wait === undefined || wait < 0) {
    throw new AppError("invalid", `query parameter wait: expected a duration such as ${formatDuration(DEFAULT_WAIT)}`);
  }
  return toMillis(Math.min(wait, MAX_WAIT));
}
