import * as v from "valibot";
import type { Entry, Lookup } from "../cache/entry.ts";
import { type EntryKey, formatKey } from "../cache/key.ts";
import type { PruneReason } from "../cache/prune.ts";
import type { Damaged } from "../cache/remove.ts";
import type { Verdict } from "../cache/verify.ts";
import type { ImageDescription } from "../image/describe.ts";
import type { Qcow2Facts } from "../image/qcow2-facts.ts";
import { CountSchema, NanosSchema, TextMapSchema, writeTime } from "./scalars.ts";
import { ProgressSchema } from "./task-state.ts";

export const SnapshotSchema = v.object({
  ID: v.string(),
  Name: v.string(),
  TakenAt: NanosSchema,
  StateBytes: CountSchema,
});

const Qcow2Schema = v.object({
  Version: CountSchema,
  /** Bytes; null when it is none that QEMU takes. */
  ClusterSize: v.nullable(CountSchema),
  Compression: v.picklist(["zlib", "zstd", "unknown"]),
  RefcountBits: v.number(),
  LazyRefcounts: v.boolean(),
  Subclusters: v.boolean(),
  Dirty: v.boolean(),
  Corrupt: v.boolean(),
  Encryption: v.nullable(v.picklist(["aes", "luks", "unknown"])),
  /** Names as the image has them: not fit for a terminal. */
  BackingFile: v.nullable(v.string()),
  BackingFormat: v.nullable(v.string()),
  DataFile: v.nullable(v.string()),
  SnapshotCount: CountSchema,
  /** The first of them. */
  Snapshots: v.array(SnapshotSchema),
});

/** What the header of an image file says. */
export const ImageFileSchema = v.object({
  /** QEMU's word; null when nothing is known. */
  Format: v.nullable(v.string()),
  /** True for a raw image with an ISO 9660 file system, which boots as a CD-ROM. */
  CDROM: v.boolean(),
  /** Bytes the guest sees. */
  VirtualSize: v.nullable(CountSchema),
  FileSize: v.number(),
  DiskSize: v.number(),
  Qcow2: v.nullable(Qcow2Schema),
  /** Why a job may not use it; null when it may. */
  Refused: v.nullable(v.object({ Found: v.string(), Hint: v.string() })),
});
export type WireImageFile = v.InferOutput<typeof ImageFileSchema>;

export function writeImageFile({ qcow2, refused, ...image }: ImageDescription): WireImageFile {
  return {
    Format: image.format,
    CDROM: image.cdrom ?? false,
    VirtualSize: image.virtualSize,
    FileSize: image.fileSize,
    DiskSize: image.diskSize,
    Qcow2: qcow2 === null ? null : writeQcow2(qcow2),
    Refused: refused === null ? null : { Found: refused.found, Hint: refused.hint },
  };
}

function writeQcow2(qcow2: Qcow2Facts): v.InferOutput<typeof Qcow2Schema> {
  return {
    Version: qcow2.version,
    ClusterSize: qcow2.clusterSize,
    Compression: qcow2.compression,
    RefcountBits: qcow2.refcountBits,
    LazyRefcounts: qcow2.lazyRefcounts,
    Subclusters: qcow2.subclusters,
    Dirty: qcow2.dirty,
    Corrupt: qcow2.corrupt,
    Encryption: qcow2.encryption,
    BackingFile: qcow2.backingFile,
    BackingFormat: qcow2.backingFormat,
    DataFile: qcow2.dataFile,
    SnapshotCount: qcow2.snapshotCount,
    Snapshots: qcow2.snapshots.map(({ id, name, takenAt, stateBytes }) => ({
      ID: id,
      Name: name,
      TakenAt: writeTime(takenAt),
      StateBytes: stateBytes,
    })),
  };
}

const UserSchema = v.object({
  AllocID: v.string(),
  /** null when no record is left of the allocation. */
  JobID: v.nullable(v.string()),
  /** Nothing of it runs any more. */
  Over: v.boolean(),
});

/** An entry of the cache. */
export const ImageSchema = v.object({
  /** `type:hex`; with `-request` for a checksum that proves the file to its own request only. */
  Checksum: v.string(),
  State: v.picklist(["sound", "damaged"]),
  /** What is wrong with a damaged one, else "". */
  Why: v.string(),
  /** Where it came from, without secrets. */
  Source: v.string(),
  Bytes: CountSchema,
  /** Bytes that it takes on the disk. */
  Allocated: CountSchema,
  FetchedAt: NanosSchema,
  UsedAt: NanosSchema,
  /** What it holds when it is one compressed file and somebody needed it. */
  Unpacked: v.nullable(v.object({ Format: v.string(), Bytes: CountSchema })),
  /** Why it was not unpacked when somebody tried, else "". */
  Refused: v.string(),
  /** Names that its files have outside of the cache: with one or more it is in use. */
  Links: CountSchema,
  Users: v.array(UserSchema),
});
export type WireImage = v.InferOutput<typeof ImageSchema>;

/** Of `GET /v1/image/:checksum`: with what its file is; null for an archive, and for what is damaged. */
export const ImageInfoSchema = v.object({ ...ImageSchema.entries, File: v.nullable(ImageFileSchema) });

export const SetAsideSchema = v.object({ Name: v.string(), Since: NanosSchema });

/** Of `GET /v1/images`. */
export const ImagesSchema = v.object({
  Images: v.array(ImageSchema),
  /** What was found damaged. */
  SetAside: v.array(SetAsideSchema),
});

/** What the wire tells of an entry. */
export interface ToldImage {
  readonly key: EntryKey;
  readonly found: Exclude<Lookup, { readonly kind: "absent" }>;
  readonly users: readonly {
    readonly allocationId: string;
    readonly jobId: string | null;
    readonly over: boolean;
  }[];
}

export function writeImage({ key, found, users }: ToldImage): WireImage {
  return {
    Checksum: formatKey(key),
    State: found.kind === "there" ? "sound" : "damaged",
    Why: found.kind === "there" ? "" : found.why,
    ...(found.kind === "there" ? writeEntry(found.entry) : UNKNOWN),
    Users: users.map(({ allocationId, jobId, over }) => ({ AllocID: allocationId, JobID: jobId, Over: over })),
  };
}

/** Of a damaged entry nothing is to be believed. */
const UNKNOWN = {
  Source: "",
  Bytes: 0,
  Allocated: 0,
  FetchedAt: 0,
  UsedAt: 0,
  Unpacked: null,
  Refused: "",
  Links: 0,
} as const;

function writeEntry({ record, allocated, usedAt, pins }: Entry) {
  const { unpacked } = record;
  return {
    Source: record.source,
    Bytes: record.bytes,
    Allocated: allocated,
    FetchedAt: writeTime(record.fetchedAt),
    UsedAt: writeTime(usedAt),
    Unpacked: unpacked === null ? null : { Format: unpacked.format, Bytes: unpacked.bytes },
    Refused: record.refused ?? "",
    Links: pins,
  };
}

export function writeImages(images: readonly ToldImage[], setAside: readonly Damaged[]) {
  return { Images: images.map(writeImage), SetAside: setAside.map(writeSetAside) };
}

function writeSetAside({ name, since }: Damaged): v.InferOutput<typeof SetAsideSchema> {
  return { Name: name, Since: writeTime(since) };
}

/** Body of `PUT /v1/images/prune`. */
export const PruneRequestSchema = v.object({
  /** What was not used for so many nanoseconds goes; null for no limit. */
  MaxAge: v.nullish(CountSchema, null),
  /** Bytes that all entries together may take; null for no limit. */
  MaxBytes: v.nullish(CountSchema, null),
  DryRun: v.nullish(v.boolean(), false),
});

/** Its reply. */
export const PruneReplySchema = v.object({
  Removed: v.array(v.object({ ...ImageSchema.entries, Reason: v.picklist(["age", "size", "damaged"]) })),
  SetAside: v.array(SetAsideSchema),
});

export function writePruneReply(
  removed: readonly { readonly image: ToldImage; readonly reason: PruneReason }[],
  setAside: readonly Damaged[],
): v.InferOutput<typeof PruneReplySchema> {
  return {
    Removed: removed.map(({ image, reason }) => ({ ...writeImage(image), Reason: reason })),
    SetAside: setAside.map(writeSetAside),
  };
}

/** Body of `PUT /v1/images/pull`, with the names of Nomad's `TaskArtifact`. */
export const PullRequestSchema = v.object({
  GetterSource: v.string(),
  /** `checksum`, `archive`, … */
  GetterOptions: v.nullish(TextMapSchema),
  GetterHeaders: v.nullish(TextMapSchema),
  GetterInsecure: v.nullish(v.boolean()),
});

export const PulledSchema = v.object({
  /** Of the entry, as `GET /v1/images` has it. */
  Checksum: v.string(),
  Bytes: CountSchema,
  /** It was there already, and nothing was fetched. */
  Cached: v.boolean(),
  /** Bytes that an earlier try had brought. */
  Resumed: CountSchema,
});

export function writePulled(pulled: {
  readonly key: EntryKey;
  readonly bytes: number;
  readonly cached: boolean;
  readonly resumed: number;
}): v.InferOutput<typeof PulledSchema> {
  const { key, bytes, cached, resumed } = pulled;
  return { Checksum: formatKey(key), Bytes: bytes, Cached: cached, Resumed: resumed };
}

/** One frame of what takes its time: `{}` is a heartbeat; `Verified`, `Pulled` and `Error` are the last word. */
export const ImageFrameSchema = v.object({
  Progress: v.optional(ProgressSchema),
  /** What happens, for people. */
  Message: v.optional(v.string()),
  Verified: v.optional(
    v.object({
      Sound: v.boolean(),
      /** Bytes that were read; 0 for a damaged one. */
      Bytes: CountSchema,
      /** What is wrong, else "". */
      Why: v.string(),
      /** Where it lies now; null for a sound one. */
      SetAside: v.nullable(v.string()),
      /** It was removed while it was read, and nothing is known of it. */
      Removed: v.optional(v.literal(true)),
    }),
  ),
  Pulled: v.optional(PulledSchema),
  Error: v.optional(v.object({ Message: v.string(), Hint: v.nullable(v.string()) })),
});
export type WireImageFrame = v.InferOutput<typeof ImageFrameSchema>;

export function writeVerdict(verdict: Verdict): NonNullable<WireImageFrame["Verified"]> {
  switch (verdict.kind) {
    case "sound":
      return { Sound: true, Bytes: verdict.bytes, Why: "", SetAside: null };
    case "damaged":
      return { Sound: false, Bytes: 0, Why: verdict.why, SetAside: verdict.setAside };
    case "absent":
      return { Sound: false, Bytes: 0, Why: "removed meanwhile", SetAside: null, Removed: true };
  }
}
