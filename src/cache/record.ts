import { closeSync, constants, fsyncSync, openSync, renameSync, utimesSync } from "node:fs";
import * as v from "valibot";
import { AppError, errnoOf } from "../base/errors.ts";
import { readUntrusted, writeNew } from "../base/files.ts";
import { newId } from "../base/ids.ts";
import { shorten } from "../base/text.ts";

const FORMAT = 1;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const schema = v.object({
  format: v.literal(FORMAT),
  bytes: count,
  mtime: v.pipe(v.number(), v.safeInteger()),
  source: v.string(),
  fetchedAt: count,
  unpacked: v.nullable(
    v.object({
      format: v.picklist(["gz", "bz2", "xz", "zst"]),
      bytes: count,
      mtime: v.pipe(v.number(), v.safeInteger()),
    }),
  ),
  /** Why it was not unpacked, for people; left out unless somebody tried, and when the last one could. */
  refused: v.optional(v.string()),
});

/** What is written down about an entry; nothing in it is a secret. Times are milliseconds since 1970. */
export type EntryRecord = Omit<v.InferOutput<typeof schema>, "format">;

/** Longer ones are not ours: the source is the longest part of it. */
const LONGEST = 64 << 10;

/** @returns undefined when there is none that can be used. */
export function readRecord(path: string): EntryRecord | undefined {
  return readJson(path, schema);
}

/**
 * Writes it in one step, and to the disk.
 * @param mark tells what is written from what others write of it at the same time.
 * @throws system errors.
 */
export function writeRecord(path: string, record: EntryRecord, mark = ""): void {
  writeJson(path, { format: FORMAT, ...record }, { mark });
}

/** Longest text of why something was not unpacked. */
const LONGEST_REFUSAL = 500;

/** Keeps why an entry was not unpacked; undefined that it was. What cannot be kept is not told later, and no more. */
export function noteRefusal(path: string, refused: string | undefined): void {
  const record = readRecord(path);
  if (record === undefined || record.refused === refused) return;
  const { refused: _, ...rest } = record;
  const next = refused === undefined ? rest : { ...rest, refused: shorten(refused, LONGEST_REFUSAL) };
  try {
    writeRecord(path, next, `.${newId()}`);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** Says that an entry was used now. @throws system errors. */
export function touchRecord(path: string, now = Date.now()): void {
  utimesSync(path, now / 1000, now / 1000);
}

/** What gives a file a time that records have: half a millisecond more, which is left out of them again. @param mtime in milliseconds. */
export const secondsOf = (mtime: number): number => (mtime + 0.5) / 1000;

/** What a process or a host is short of for the moment; of the file it says nothing. */
const SCARCE: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * @returns undefined for a file that is not there, not readable or not of that form.
 * @throws system errors of the moment: what is taken for damaged goes.
 */
export function readJson<Schema extends v.GenericSchema>(
  path: string,
  form: Schema,
): v.InferOutput<Schema> | undefined {
  try {
    const text = readUntrusted(path, LONGEST)?.toString("utf8");
    if (text === undefined) return undefined;
    const found = v.safeParse(form, JSON.parse(text));
    return found.success ? found.output : undefined;
  } catch (error) {
    const { cause } = error instanceof AppError ? error : { cause: error };
    if (SCARCE.has(errnoOf(cause) ?? "")) throw cause;
    return undefined;
  }
}

/** What a file is called that is about to replace `path`. */
export const nextOf = (path: string): string => `${path}.next`;

/**
 * Replaces a file in one step; what was there stays when that fails.
 * @param mark tells its next one from that of others who replace it. @param synced false lets a power cut take it, or leave an empty file.
 * @throws system errors.
 */
export function writeJson(path: string, value: unknown, { mark = "", synced = true } = {}): void {
  const next = `${nextOf(path)}${mark}`;
  writeNew(next, `${JSON.stringify(value)}\n`, 0o600, synced ? fsyncSync : undefined);
  renameSync(next, path);
  if (synced) syncDirectory(path.slice(0, path.lastIndexOf("/")));
}

/** Brings the names in a directory to the disk. @throws system errors. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
