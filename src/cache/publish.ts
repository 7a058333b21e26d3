import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { cachePlaces, type EntryFiles, filesOfEntry } from "../paths.ts";
import { lookUp, mtimeOf } from "./entry.ts";
import { type EntryKey, filesOf } from "./key.ts";
import { type EntryRecord, readRecord, secondsOf, syncDirectory, touchRecord, writeRecord } from "./record.ts";
import { setAside } from "./remove.ts";

/** What of `parts` is an entry that has no name yet, and what keeps one from being removed while its files find their places. */
const ENTRY_SUFFIX = ".entry";
const PIN_SUFFIX = ".pin";

/**
 * Makes an entry of a file that is whole, proved and on the disk. The entry gets its name in one step, all of it being on the disk:
 * an agent that is killed at any time leaves either the entry or nothing of it. One that is there already stays as it is.
 * @param file in `parts`; it is gone afterwards.
 * @param source the redacted one.
 * @returns a pin, as `pinEntry` gives.
 * @throws system errors.
 */
export function publishEntry(cache: string, key: EntryKey, file: string, source: string): string | null {
  const made = filesOfEntry(join(cachePlaces(cache).parts, `${newId()}${ENTRY_SUFFIX}`));
  const files = filesOf(cache, key);
  mkdirSync(made.dir, { mode: 0o700 });
  try {
    const { size } = lstatSync(file);
    renameSync(file, made.content);
    closeForWriting(made.content);
    const mtime = mtimeOf(lstatSync(made.content));
    writeRecord(made.record, { bytes: size, mtime, source, fetchedAt: Date.now(), unpacked: null });
    mkdirSync(dirname(files.dir), { recursive: true, mode: 0o700 });
    const pin = pinEntry(cache, made);
    try {
      if (takeName(cache, key, made, files)) return pin;
    } catch (error) {
      unpin(pin);
      throw error;
    }
    unpin(pin);
    return pinEntry(cache, files);
  } finally {
    rmSync(made.dir, { recursive: true, force: true });
  }
}

/**
 * Adds what `content` holds to an entry. Two jobs that name one file by two sources may unpack it at the same time: what comes of both
 * has one time, the first one's file stays, and their records are the same.
 * @param file in `parts`, whole and on the disk; it is gone afterwards.
 * @throws system errors.
 */
export function publishUnpacked(
  files: EntryFiles,
  file: string,
  format: NonNullable<EntryRecord["unpacked"]>["format"],
): void {
  const time = secondsOf(mtimeOf(lstatSync(files.content)));
  utimesSync(file, time, time);
  closeForWriting(file);
  const stats = lstatSync(file);
  if (!takeFileName(file, files.unpacked)) {
    const there = lstatSync(files.unpacked);
    const isSame = there.isFile() && there.size === stats.size && mtimeOf(there) === mtimeOf(stats);
    if (!isSame) renameSync(file, files.unpacked);
  }
  rmSync(file, { force: true });
  syncDirectory(files.dir);
  const record = readRecord(files.record);
  if (record === undefined) throw new Error("the entry's record is gone");
  const unpacked = { format, bytes: stats.size, mtime: mtimeOf(stats) };
  writeRecord(files.record, { ...record, unpacked }, `.${newId()}`);
}

/** @returns false when something has the name. */
function takeFileName(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    if (!isNoSecondName(error)) throw error;
    renameSync(file, name);
    return true;
  }
}

/**
 * Keeps an entry from being removed until `unpin`, and says that it was used now. What a killed agent leaves of it goes when the next
 * one starts.
 * @returns what `unpin` takes; null where the file system knows no second names: nothing is kept then.
 * @throws system errors; `ENOENT` when the entry went.
 */
export function pinEntry(cache: string, files: EntryFiles): string | null {
  const pin = join(cachePlaces(cache).parts, `${newId()}${PIN_SUFFIX}`);
  touchRecord(files.record);
  try {
    linkSync(files.content, pin);
    return pin;
  } catch (error) {
    if (isNoSecondName(error)) return null;
    throw error;
  }
}

/** As `pinEntry`; undefined when the entry went since it was looked at: another thread may have made room. */
export function pinUnlessGone(cache: string, files: EntryFiles): string | null | undefined {
  try {
    return pinEntry(cache, files);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && lstatSync(files.content, { throwIfNoEntry: false }) === undefined)
      return undefined;
    throw error;
  }
}

/** @throws system errors. */
export function unpin(pin: string | null): void {
  if (pin !== null) rmSync(pin, { force: true });
}

/** Whether a file cannot have a second name there: another file system, one without hard links, or too many of them. */
export function isNoSecondName(error: unknown): boolean {
  return ["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(errnoOf(error) ?? "");
}

/** @returns false when a sound entry has that name already. */
function takeName(cache: string, key: EntryKey, made: EntryFiles, files: EntryFiles): boolean {
  const take = (): boolean => {
    try {
      renameSync(made.dir, files.dir);
      syncDirectory(dirname(files.dir));
      return true;
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(errnoOf(error) ?? "")) throw error;
      return false;
    }
  };
  if (take()) return true;
  if (lookUp(cache, key).kind === "there") return false;
  setAside(cache, key);
  return take();
}

function closeForWriting(path: string): void {
  chmodSync(path, 0o444);
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
