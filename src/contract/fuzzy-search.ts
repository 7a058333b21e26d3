import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

/** Contexts in which there is something to find here. */
const CONTEXTS = ["allocs", "evals", "groups", "images", "jobs", "namespaces", "nodes", "services", "tasks"] as const;

/** Body of `PUT /v1/search/fuzzy`; "" and `all` search everywhere, and of other contexts there is nothing. */
export const FuzzySearchRequestSchema = v.object({
  Text: v.string(),
  Context: v.optional(v.nullable(v.string()), "all"),
});

export const FuzzyMatchSchema = v.object({
  ID: v.string(),
  /** Ids of what it stands in, the outermost first: namespace, job, group, task. Absent where it stands in nothing. */
  Scope: v.optional(v.array(v.string())),
});

/** Reply of `PUT /v1/search/fuzzy`: by context, and which lists were cut. */
export const FuzzySearchReplySchema = v.object({
  Matches: v.record(v.string(), v.array(FuzzyMatchSchema)),
  Truncations: v.record(v.string(), v.boolean()),
  Index: CountSchema,
  KnownLeader: v.boolean(),
  LastContact: CountSchema,
});
export type WireFuzzySearchReply = v.InferOutput<typeof FuzzySearchReplySchema>;

/** Something whose name has the text that is looked for. */
export interface FuzzyMatch {
  readonly context: (typeof CONTEXTS)[number];
  /** Its name, or its id where it has none. */
  readonly id: string;
  readonly scope: readonly string[];
  /** Characters before the text. */
  readonly at: number;
}

/** Most matches of one context, as in Nomad. */
const MAX_MATCHES = 20;

/** Whether a request means every context. */
export const isEverywhere = (context: string | null): boolean =>
  context === null || context === "" || context === "all";

/** Matches that begin with the text come first, then by their names. */
export function writeFuzzyReply(found: readonly FuzzyMatch[], index: number): WireFuzzySearchReply {
  const sorted = found.toSorted((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
  const lists = [...Map.groupBy(sorted, ({ context }) => context)];
  return {
    Matches: Object.fromEntries(lists.map(([context, list]) => [context, list.slice(0, MAX_MATCHES).map(writeMatch)])),
    Truncations: Object.fromEntries(lists.map(([context, list]) => [context, list.length > MAX_MATCHES])),
    Index: index,
    KnownLeader: true,
    LastContact: 0,
  };
}

function writeMatch({ id, scope }: FuzzyMatch): v.InferOutput<typeof FuzzyMatchSchema> {
  return scope.length === 0 ? { ID: id } : { ID: id, Scope: [...scope] };
}
