import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

/** Contexts in which there is something to find here. */
export const SEARCH_CONTEXTS = ["allocs", "evals", "jobs", "namespaces", "nodes"] as const;
export type SearchContext = (typeof SEARCH_CONTEXTS)[number];

/** Contexts of Nomad's in which nothing is ever found on one host. */
const EMPTY_CONTEXTS = [
  "deployment",
  "node_pools",
  "plugins",
  "quotas",
  "recommendations",
  "scaling_policy",
  "vars",
  "volumes",
  "host_volumes",
] as const;

/** Body of `PUT /v1/search`; "" and `all` search everywhere. */
export const SearchRequestSchema = v.object({
  Prefix: v.string(),
  Context: v.optional(v.nullable(v.picklist(["", "all", ...SEARCH_CONTEXTS, ...EMPTY_CONTEXTS])), "all"),
});

/** Reply of `PUT /v1/search`: ids by context, and which lists were cut. */
export const SearchReplySchema = v.object({
  Matches: v.record(v.string(), v.array(v.string())),
  Truncations: v.record(v.string(), v.boolean()),
  Index: CountSchema,
  KnownLeader: v.boolean(),
  LastContact: CountSchema,
});
export type WireSearchReply = v.InferOutput<typeof SearchReplySchema>;

/** Most ids of one context, as in Nomad. */
const MAX_MATCHES = 20;

/** @param found every id that matches, by context. */
export function writeSearchReply(found: ReadonlyMap<SearchContext, readonly string[]>, index: number): WireSearchReply {
  const lists = [...found];
  return {
    Matches: Object.fromEntries(lists.map(([context, ids]) => [context, ids.slice(0, MAX_MATCHES)])),
    Truncations: Object.fromEntries(lists.map(([context, ids]) => [context, ids.length > MAX_MATCHES])),
    Index: index,
    KnownLeader: true,
    LastContact: 0,
  };
}
