import * as v from "valibot";
import { count, flag, list, text } from "./lenient.ts";
import { UserSchema } from "./replies.ts";

/** A machine's boot disk; an agent of before says no more than path and format. */
export const DiskSchema = v.object({
  Path: text,
  Format: text,
  Mode: v.nullish(v.string(), "direct"),
  /** Bytes that the guest sees. */
  Size: v.nullish(v.number(), null),
  /** The image that it stands over. */
  Base: v.nullish(v.object({ Path: text, Format: text }), null),
});
export type Disk = v.InferOutput<typeof DiskSchema>;

/** Of `GET /v1/vm/:alloc/:task/explain`. */
export const ExplainSchema = v.object({
  /** Attributes of the job that have their default; an agent of before does not say. */
  Defaults: list(v.string()),
  Argv: list(
    v.object({
      Word: v.string(),
      Origin: v.object({
        Kind: text,
        Why: text,
        Attribute: text,
        Index: v.nullish(v.number(), null),
        Note: text,
        /** Where it stands in a job file, `web.hcl:12`; only of one that was not submitted. */
        At: v.optional(v.string()),
      }),
    }),
  ),
  Cwd: text,
  User: UserSchema,
  Forwards: list(v.object({ Label: text, Protocol: text, HostAddress: text, HostPort: count, GuestPort: count })),
  Warnings: list(v.string()),
  Image: v.nullish(DiskSchema, null),
  OwnSerial: v.nullish(v.string(), null),
  LogDisabled: flag,
  Limits: v.nullish(
    v.object({
      MemoryMax: v.nullish(v.number(), null),
      GuestMemory: v.nullish(v.number(), null),
      CPUWeight: count,
      Cores: list(v.number()),
      PidsMax: count,
    }),
    null,
  ),
});
export type Explanation = v.InferOutput<typeof ExplainSchema>;
export type Forward = Explanation["Forwards"][number];
