import * as v from "valibot";
import { DiskSchema } from "./explanation.ts";
import { count, flag, list, text } from "./lenient.ts";
import { EndingSchema, TaskEventSchema } from "./replies.ts";

const RemainsSchema = v.object({
  Events: list(v.object({ Name: v.string(), At: count, Data: text })),
  Status: text,
  Stderr: text,
  Serial: text,
  Kernel: v.nullish(v.object({ Lines: list(v.string()), Unread: v.nullish(v.string(), null) }), null),
});

const EndSchema = v.object({
  Generation: count,
  Ending: EndingSchema,
  /** Nanoseconds since 1970, 0 when it never had a process. */
  StartedAt: count,
  EndedAt: count,
  Pid: v.nullish(v.number(), null),
  Adopted: flag,
  Watched: v.nullish(v.boolean(), true),
  Restart: v.object({ Restart: flag, Reason: text, Delay: count }),
  Remains: v.nullish(RemainsSchema, null),
  Argv: list(v.string()),
  Cwd: text,
  Image: v.nullish(DiskSchema, null),
  History: list(TaskEventSchema),
  Versions: v.object({ Paddock: text, Kernel: text, Qemu: v.nullish(v.string(), null) }),
});
export type MachineEnd = v.InferOutput<typeof EndSchema>;

/** Of `GET /v1/vm/:alloc/:task/why`. */
export const WhySchema = v.object({
  AllocID: v.string(),
  JobID: text,
  JobVersion: count,
  Task: v.string(),
  Machine: text,
  Generation: count,
  Guest: v.nullish(v.string(), null),
  Pid: v.nullish(v.number(), null),
  StartedAt: count,
  RestartAt: count,
  Ends: list(v.object({ Generation: count, Reason: text, At: count, Message: text })),
  Artifacts: list(v.object({ Source: text, Destination: text, Checksum: v.nullish(v.string(), null) })),
  End: v.nullish(EndSchema, null),
});
export type Why = v.InferOutput<typeof WhySchema>;
