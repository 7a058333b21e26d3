import { archiveError } from "./failure.ts";

/** Records of an extended header, in order: GNU's first sparse format repeats its keys. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

/**
 * Reads `length key=value\n` records (POSIX pax, "Extended Header").
 * @throws AppError when they are damaged.
 */
export function readPaxRecords(data: Buffer): PaxRecords {
  const records: [string, Buffer][] = [];
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? "" : data.toString("latin1", at, Math.min(space, at + 10));
    const end = at + (/^[1-9]\d*$/.test(digits) ? Number(digits) : 0);
    const equals = data.indexOf(0x3d, space);
    if (end <= space || end > data.length || data[end - 1] !== 0x0a || equals === -1 || equals >= end) throw damaged();
    records.push([data.toString("latin1", space + 1, equals), data.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return records;
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
