import * as v from "valibot";
import type { Question } from "./client.ts";
import { count, list, text } from "./lenient.ts";

const LoadedSchema = v.object({
  Digest: v.string(),
  Sequence: count,
  Key: v.nullish(v.string(), null),
  Created: text,
  Added: list(v.string()),
  There: list(v.string()),
  Bytes: count,
});
export type BundleLoaded = v.InferOutput<typeof LoadedSchema>;

const encode = encodeURIComponent;

/** How a bundle is given to the agent. */
export const askBundles = {
  open: () => ({ target: "/v1/bundles", schema: v.object({ ID: v.string(), MaxBytes: v.number() }) }),
  /** With the next bytes as its body. */
  feed: (id: string, offset: number) => ({
    target: `/v1/bundle/${encode(id)}?offset=${offset}`,
    schema: v.object({ Offset: count }),
  }),
  finish: (id: string) => ({ target: `/v1/bundle/${encode(id)}/load`, schema: LoadedSchema }),
  /** By DELETE. */
  abandon: (id: string) => ({ target: `/v1/bundle/${encode(id)}`, schema: v.unknown() }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;
