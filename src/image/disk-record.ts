import type { Stats } from "node:fs";
import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { readUntrusted } from "../base/files.ts";
import { escapeControls, shellWord } from "../base/text.ts";
import { utcTime } from "../base/units.ts";
import { mtimeOf } from "../cache/entry.ts";
import { writeJson } from "../cache/record.ts";
import { DISK_MODES } from "../job/disk-mode.ts";
import { IMAGE_KINDS } from "./readable.ts";

const FORMAT = 1;
const LONGEST = 64 << 10;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const originSchema = v.object({
  /** Its real path; for messages, unless `pinned` is false. */
  path: v.string(),
  bytes: count,
  ino: count,
  /** Milliseconds since 1970. */
  mtime: v.pipe(v.number(), v.safeInteger()),
  /** `type:hex` where it is known. */
  checksum: v.nullable(v.string()),
});

const schema = v.object({
  format: v.literal(FORMAT),
  mode: v.picklist(DISK_MODES),
  kind: v.picklist(IMAGE_KINDS),
  origin: originSchema,
  pinned: v.boolean(),
});

/** The file that a disk is, stands over or was copied from, as it was then. */
export type DiskOrigin = v.InferOutput<typeof originSchema>;

/**
 * What the boot disk of an allocation's task is, decided once: `kind` is what the image was taken for, and `pinned` says that the
 * agent has a name of its own for it.
 */
export type DiskRecord = Omit<v.InferOutput<typeof schema>, "format">;

/** An image that is used where it lies, under its own name: nothing of such a disk is the agent's. */
export const isInPlace = ({ mode, pinned }: DiskRecord): boolean => mode === "direct" && !pinned;

/** What a power cut leaves of a file that was not synced. */
const EMPTY = /^\0*$/;

/** @returns undefined when there is none. @throws AppError `image` for one that cannot be read: nobody knows then what the disk is. */
export function readDiskRecord(path: string, shown: string): DiskRecord | undefined {
  const text = readUntrusted(path, LONGEST)?.toString("utf8");
  if (text === undefined || EMPTY.test(text)) return undefined;
  const found = v.safeParse(schema, parse(text));
  if (found.success) return found.output;
  throw new AppError("image", `${shown} cannot be read, and nothing else tells which disk this machine has`, {
    hint: "a newer version of paddock may have written it; else stop the job and run it again, and save what is beside that file before",
  });
}

/**
 * Writes it in one step, and to the disk, but for a disk in place: the store has its record, in the transaction that says that the
 * machine is about to start.
 * @throws system errors.
 */
export function writeDiskRecord(path: string, record: DiskRecord): void {
  writeJson(path, { format: FORMAT, ...record }, { synced: !isInPlace(record) });
}

/** What tells a file from another one, and from itself after it was written to. Not its device: that has another number after a reboot. */
export function originOf(stats: Stats, path: string, checksum: string | null): DiskOrigin {
  return { path, bytes: stats.size, ino: stats.ino, mtime: mtimeOf(stats), checksum };
}

/**
 * How a file differs from what it was, for people; undefined when it does not. What a backup gives back is another file with the same
 * bytes: a time to the millisecond tells it, one in whole seconds does not, which builders of images set to what they like.
 */
export function changeOf(stats: Stats, origin: DiskOrigin): string | undefined {
  const now = originOf(stats, origin.path, origin.checksum);
  const isBack = now.bytes === origin.bytes && now.mtime === origin.mtime && isTelling(origin.mtime);
  if (now.ino !== origin.ino && !isBack) return "another file has its name";
  if (now.bytes !== origin.bytes) return `it has ${now.bytes} bytes, and had ${origin.bytes}`;
  if (now.mtime === origin.mtime) return undefined;
  return `it was written to at ${utcTime(now.mtime)}, and last before at ${utcTime(origin.mtime)}`;
}

const isTelling = (mtime: number): boolean => mtime % 1000 !== 0;

/**
 * What to do about a file that differs from what it was, for people: whoever knows that it has the same bytes can say so.
 * @param record the file of the disk's record, as people may see it.
 */
export function remedyOf(stats: Stats, origin: DiskOrigin, record: string): string {
  const now = originOf(stats, origin.path, origin.checksum);
  const anew = "put the image back as it was, or stop the job and run it again to begin anew";
  if (now.bytes !== origin.bytes) return anew;
  const steps = [
    ...(now.mtime === origin.mtime
      ? []
      : [`touch -m -d @${(origin.mtime / 1000).toFixed(3)} ${shellWord(origin.path)}`]),
    ...(now.ino === origin.ino || isTelling(origin.mtime)
      ? []
      : [`"ino":${now.ino} for "ino":${origin.ino} in ${record}`]),
  ];
  return `if it is the same image, such as one back from a backup, say so: ${escapeControls(steps.join(", and "))}; else ${anew}`;
}

/** Whether a checksum, `type:hex`, tells a file from all others: anybody can make two files of one md5 or sha1. */
export const isProof = (checksum: string | null): boolean => /^sha(256|512):/.test(checksum ?? "");

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
