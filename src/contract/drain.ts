import * as v from "valibot";
import type { Drain, DrainStrategy, LastDrain } from "../node/drain.ts";
import {
  NanosSchema,
  SentFlagSchema,
  SentTextSchema,
  TextMapSchema,
  TimestampSchema,
  writeTimestamp,
} from "./scalars.ts";

/** Nomad's `DrainStrategy`. */
export const DrainStrategySchema = v.object({
  /** Negative: what runs is stopped by force at once; 0: never. */
  Deadline: NanosSchema,
  IgnoreSystemJobs: v.boolean(),
  /** null without a deadline that is to come. */
  ForceDeadline: TimestampSchema,
  StartedAt: TimestampSchema,
});

/** Nomad's `DrainMetadata`. */
export const LastDrainSchema = v.object({
  StartedAt: TimestampSchema,
  UpdatedAt: TimestampSchema,
  Status: v.picklist(["draining", "complete", "canceled"] as const satisfies LastDrain["status"][]),
  /** Of the token of who asked last; "" for the unix socket. */
  AccessorID: v.string(),
  Meta: TextMapSchema,
});

/** Whatever tells of the node tells it, too. */
const MetaSchema = v.pipe(
  v.record(v.pipe(v.string(), v.maxLength(128)), v.pipe(v.string(), v.maxLength(1024))),
  v.maxEntries(32),
);

/** Body of `PUT /v1/node/:id/drain`: Nomad's `NodeUpdateDrainRequest`. Without a `DrainSpec` the drain ends. */
export const DrainRequestSchema = v.object({
  NodeID: SentTextSchema,
  DrainSpec: v.optional(
    v.nullable(
      v.object({
        Deadline: v.optional(v.pipe(NanosSchema, v.minValue(-(2 ** 63)), v.maxValue(2 ** 63)), 0),
        IgnoreSystemJobs: SentFlagSchema,
      }),
    ),
    null,
  ),
  MarkEligible: SentFlagSchema,
  Meta: v.optional(v.nullable(MetaSchema), null),
});

export function writeStrategy(strategy: DrainStrategy | null): v.InferOutput<typeof DrainStrategySchema> | null {
  if (strategy === null) return null;
  return {
    Deadline: strategy.deadline,
    IgnoreSystemJobs: strategy.ignoreSystem,
    ForceDeadline: writeTimestamp(strategy.forceAt ?? 0),
    StartedAt: writeTimestamp(strategy.startedAt),
  };
}

export function writeLastDrain({ last }: Pick<Drain, "last">): v.InferOutput<typeof LastDrainSchema> | null {
  if (last === null) return null;
  return {
    StartedAt: writeTimestamp(last.startedAt),
    UpdatedAt: writeTimestamp(last.updatedAt),
    Status: last.status,
    AccessorID: last.accessor,
    Meta: last.meta,
  };
}
