import * as v from "valibot";
import type { Question } from "./client.ts";
import { count, list, text } from "./lenient.ts";

const GarbageSchema = v.object({
  Removed: list(v.object({ AllocID: v.string(), JobID: text, Reason: text, EndedAt: count, Bytes: count })),
  Kept: list(v.object({ AllocID: v.string(), JobID: text, Task: text, Path: text, Bytes: count, Until: count })),
  Jobs: count,
  Evaluations: count,
  Troubles: list(v.string()),
});
export type Garbage = v.InferOutput<typeof GarbageSchema>;

/** What can be asked of the agent as a whole, by PUT. */
export const askSystem = {
  /** @param discard disks that are kept for a while go too. */
  gc: (discard: boolean) => ({ target: `/v1/system/gc${discard ? "?discard=true" : ""}`, schema: GarbageSchema }),
  /** @param id of the node. */
  eligibility: (id: string) => ({
    target: `/v1/node/${encodeURIComponent(id)}/eligibility`,
    schema: v.object({ NodeModifyIndex: count }),
  }),
  /** @param id of the node. */
  drain: (id: string) => ({
    target: `/v1/node/${encodeURIComponent(id)}/drain`,
    schema: v.object({ NodeModifyIndex: count }),
  }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;
