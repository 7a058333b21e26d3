import { Buffer } from "node:buffer";
import * as v from "valibot";
import { NanosSchema, writeTime } from "./scalars.ts";

/** One frame of `GET /v1/client/fs/logs/:alloc`; `{}` is a heartbeat. Frames follow one another without anything between them. */
export const LogFrameSchema = v.object({
  /** Below the allocation directory. */
  File: v.optional(v.string()),
  /** Where the data ends in that file, in bytes: the place to go on from. */
  Offset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** What befell the file, Nomad's `FileEvent`; there is no data then. */
  FileEvent: v.optional(v.picklist(["file deleted", "file truncated"])),
  /** Base64. */
  Data: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/, "not base64"))),
  /** Not Nomad's, and only with `timestamps=true`: by when the data had been written. */
  Time: v.optional(NanosSchema),
  /** True when nobody looked for longer before that time. */
  Inferred: v.optional(v.boolean()),
});
export type WireLogFrame = v.InferOutput<typeof LogFrameSchema>;

/** Most bytes of data in one frame, as in Nomad. */
export const MAX_FRAME_BYTES = 64 * 1024;

export const HEARTBEAT_FRAME = "{}";

interface WrittenAt {
  readonly time?: number;
  readonly inferred?: boolean;
}

/**
 * A chunk of a log as frames.
 * @param offset where the data begins in the file, in bytes.
 * @param time when it was written, in milliseconds since 1970, for a reply that says so.
 */
export function writeLogFrames(file: string, offset: number, data: Uint8Array, time: WrittenAt = {}): string {
  const when = time.time === undefined ? {} : { Time: writeTime(time.time), Inferred: time.inferred ?? false };
  let text = "";
  for (let start = 0; start < data.length; start += MAX_FRAME_BYTES) {
    const piece = data.subarray(start, start + MAX_FRAME_BYTES);
    const encoded = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString("base64");
    const frame: WireLogFrame = { File: file, Offset: offset + start + piece.length, Data: encoded, ...when };
    text += JSON.stringify(frame);
  }
  return text;
}

/** A frame that tells what befell a file. */
export function writeFileEvent(file: string, offset: number, event: NonNullable<WireLogFrame["FileEvent"]>): string {
  const frame: WireLogFrame = { File: file, FileEvent: event, Offset: offset };
  return JSON.stringify(frame);
}
