import { type Duration, toMillis } from "../base/units.ts";

/** How a node is emptied, as it was asked for. */
export interface DrainSpec {
  /** How long what runs may take to end, in nanoseconds, before it is stopped by force: negative for none of it, 0 for as long as it takes. */
  readonly deadline: Duration;
  /** Leaves jobs of type system alone. */
  readonly ignoreSystem: boolean;
}

/** A drain that is under way; times in milliseconds since 1970. */
export interface DrainStrategy extends DrainSpec {
  readonly startedAt: number;
  /** When a positive deadline is over; null for any other. */
  readonly forceAt: number | null;
  /** Names the boot of the host in which it was asked for. */
  readonly bootId: string;
}

/** The drain that is under way, or the last one; times in milliseconds since 1970. */
export interface LastDrain {
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly status: "draining" | "complete" | "canceled";
  /** Names the token of who asked last; "" for who may open the unix socket. */
  readonly accessor: string;
  /** What who asked says of it. */
  readonly meta: Readonly<Record<string, string>>;
}

export interface Drain {
  /** Null while there is none. */
  readonly strategy: DrainStrategy | null;
  /** Null before the first one. */
  readonly last: LastDrain | null;
}

export const NO_DRAIN: Drain = { strategy: null, last: null };

export interface DrainRequest {
  /** Null ends the drain. */
  readonly spec: DrainSpec | null;
  /** With `spec` null: machines may be placed on the node again. */
  readonly markEligible: boolean;
  /** See `LastDrain`; of an empty one, as of no accessor, those of before stay. */
  readonly accessor: string;
  readonly meta: Readonly<Record<string, string>>;
}

/**
 * What a request makes of a node's drain, as Nomad's state store does: one that is under way is changed and goes on since its beginning;
 * the end of none leaves the last one as it was.
 * @param now milliseconds since 1970. @param bootId names this boot of the host.
 */
export function changeDrain(
  { strategy: before, last }: Drain,
  request: DrainRequest,
  { now, bootId }: { readonly now: number; readonly bootId: string },
): Drain {
  const { spec, accessor, meta } = request;
  if (spec === null && before === null) return { strategy: null, last };
  const known = before === null ? null : last;
  const next: LastDrain = {
    startedAt: known?.startedAt ?? now,
    updatedAt: now,
    status: spec === null ? "canceled" : "draining",
    accessor: accessor || (known?.accessor ?? ""),
    meta: Object.keys(meta).length > 0 ? meta : (known?.meta ?? {}),
  };
  if (spec === null) return { strategy: null, last: next };
  const forceAt = spec.deadline > 0 ? now + toMillis(spec.deadline) : null;
  return { strategy: { ...spec, startedAt: next.startedAt, forceAt, bootId }, last: next };
}

/** A drain of which nothing is left to do. @param now milliseconds since 1970. */
export function completeDrain({ last }: Drain, now: number): Drain {
  return { strategy: null, last: last === null ? null : { ...last, status: "complete", updatedAt: now } };
}

/** Whether what still runs is to be stopped by force. @param now milliseconds since 1970. */
export function isForced({ deadline, forceAt }: DrainStrategy, now: number): boolean {
  return deadline < 0 || (forceAt !== null && now >= forceAt);
}
