import { archiveError } from "../failure.ts";

/** The records of an extended header that are read, in order: GNU's first sparse format repeats its keys. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

/** All others are left out, and of these the last counts: 40 KB of gzip hold a header of two million records, which took 290 MB. */
const KEYS: ReadonlySet<string> = new Set([
  "path",
  "linkpath",
  "size",
  "mtime",
  "SUN.holesdata",
  "SCHILY.realsize",
  "GNU.sparse.major",
  "GNU.sparse.minor",
  "GNU.sparse.name",
  "GNU.sparse.realsize",
  "GNU.sparse.size",
  "GNU.sparse.numblocks",
  "GNU.sparse.map",
]);

const REPEATED: ReadonlySet<string> = new Set(["GNU.sparse.offset", "GNU.sparse.numbytes"]);

/**
 * Reads `length key=value\n` records (POSIX pax, "Extended Header").
 * @throws AppError when they are damaged.
 */
export function readPaxRecords(data: Buffer): PaxRecords {
  const single = new Map<string, Buffer>();
  const repeated: [string, Buffer][] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? "" : data.toString("latin1", at, Math.min(space, at + 10));
    const end = at + (/^[1-9]\d*$/.test(digits) ? Number(digits) : 0);
    const equals = data.indexOf(0x3d, space);
    if (end <= space || end > data.length || data[end - 1] !== 0x0a || equals === -1 || equals >= end) throw damaged();
    const key = data.toString("latin1", space + 1, equals);
    const value = data.subarray(equals + 1, end - 1);
    if (KEYS.has(key)) single.set(key, value);
    else if (REPEATED.has(key)) repeated.push([key, value]);
    at = end;
  }
  return [...single, ...repeated];
}

/** The last value of a key, which is the one that counts. */
export function paxValue(records: PaxRecords, key: string): Buffer | undefined {
  return records.findLast(([name]) => name === key)?.[1];
}

/** A whole number of an extended header, undefined when there is none. @throws AppError when it is no number. */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const value = paxValue(records, key);
  return value === undefined || value.length === 0 ? undefined : readDecimal(value.toString("latin1"));
}

/** @throws AppError unless it is a whole number below 2^53. */
export function readDecimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw damaged();
  return value;
}

function damaged(): Error {
  return archiveError("an extended header of the tar archive is damaged", "fetch or make the archive again");
}
