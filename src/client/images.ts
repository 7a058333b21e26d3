import * as v from "valibot";
import type { Question } from "./client.ts";
import { count, flag, list, text } from "./lenient.ts";
import { ProgressSchema } from "./replies.ts";

const orNull = <S extends v.GenericSchema>(item: S) => v.nullish(item, null);

const Qcow2Schema = v.object({
  Version: count,
  ClusterSize: orNull(v.number()),
  Compression: text,
  RefcountBits: count,
  LazyRefcounts: flag,
  Subclusters: flag,
  Dirty: flag,
  Corrupt: flag,
  Encryption: orNull(v.string()),
  BackingFile: orNull(v.string()),
  BackingFormat: orNull(v.string()),
  DataFile: orNull(v.string()),
  SnapshotCount: count,
  Snapshots: list(v.object({ ID: text, Name: text, TakenAt: count, StateBytes: count })),
});
export type Qcow2 = v.InferOutput<typeof Qcow2Schema>;

const ImageFileSchema = v.object({
  Format: orNull(v.string()),
  CDROM: flag,
  VirtualSize: orNull(v.number()),
  FileSize: count,
  DiskSize: count,
  Qcow2: orNull(Qcow2Schema),
  Refused: orNull(v.object({ Found: text, Hint: text })),
});
export type ImageFile = v.InferOutput<typeof ImageFileSchema>;

const ImageSchema = v.object({
  Checksum: v.string(),
  State: text,
  Why: text,
  Source: text,
  Bytes: count,
  Allocated: count,
  /** Nanoseconds since 1970. */
  FetchedAt: count,
  UsedAt: count,
  Unpacked: orNull(v.object({ Format: text, Bytes: count })),
  Refused: text,
  Links: count,
  Users: list(v.object({ AllocID: v.string(), JobID: orNull(v.string()), Over: flag })),
});
export type Image = v.InferOutput<typeof ImageSchema>;

const ImageInfoSchema = v.object({ ...ImageSchema.entries, File: orNull(ImageFileSchema) });
export type ImageInfo = v.InferOutput<typeof ImageInfoSchema>;

const SetAsideSchema = v.object({ Name: text, Since: count });

const ImagesSchema = v.object({ Images: list(ImageSchema), SetAside: list(SetAsideSchema) });
export type Images = v.InferOutput<typeof ImagesSchema>;

const PrunedSchema = v.object({
  Removed: list(v.object({ ...ImageSchema.entries, Reason: text })),
  SetAside: list(SetAsideSchema),
});
export type Pruned = v.InferOutput<typeof PrunedSchema>;

const ImageFrameSchema = v.object({
  Progress: orNull(ProgressSchema),
  Message: text,
  Verified: orNull(v.object({ Sound: flag, Bytes: count, Why: text, SetAside: orNull(v.string()), Removed: flag })),
  Pulled: orNull(v.object({ Checksum: text, Bytes: count, Cached: flag, Resumed: count })),
  Error: orNull(v.object({ Message: text, Hint: orNull(v.string()) })),
});
export type ImageFrame = v.InferOutput<typeof ImageFrameSchema>;

const encode = encodeURIComponent;

/** What can be asked about images in the cache. */
export const askImages = {
  list: (prefix = "") => ({ target: `/v1/images?prefix=${encode(prefix)}`, schema: ImagesSchema }),
  one: (checksum: string) => ({ target: `/v1/image/${encode(checksum)}`, schema: ImageInfoSchema }),
  /** By DELETE. */
  remove: (checksum: string) => ({ target: `/v1/image/${encode(checksum)}`, schema: ImageSchema }),
  prune: () => ({ target: "/v1/images/prune", schema: PrunedSchema }),
  pull: () => ({ target: "/v1/images/pull", schema: ImageFrameSchema }),
  verify: (checksum: string) => ({ target: `/v1/image/${encode(checksum)}/verify`, schema: ImageFrameSchema }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;
