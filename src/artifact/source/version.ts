import type { Validator } from "../../cache/source.ts";

/** Which version of a file a server sent, as far as it can prove later that it still has that one. */
export interface FileVersion {
  readonly validator: Validator;
  /** Bytes of the whole file; null when the server did not say. */
  readonly total: number | null;
}

/** A validator longer than this is not worth keeping. */
const LONGEST_VALIDATOR = 1024;

const STRONG_ETAG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

/**
 * The version that a reply to a plain request is of.
 * @returns null when the rest of it could not be asked for later.
 */
export function versionOf(headers: Headers, total: number | null): FileVersion | null {
  if (headers.get("accept-ranges")?.trim().toLowerCase() === "none") return null;
  const validator = validatorOf(headers);
  return validator === null ? null : { validator, total };
}

/**
 * What the server can be asked with later whether it still has the bytes of this reply. A weak ETag says nothing about bytes; a date
 * does when the server sent it at least a second after the change (RFC 9110, 8.8.2.2).
 * @returns null when there is no such thing.
 */
export function validatorOf(headers: Headers): Validator | null {
  const etag = headers.get("etag")?.trim() ?? "";
  const date = headers.get("last-modified")?.trim() ?? "";
  if (Math.max(etag.length, date.length) > LONGEST_VALIDATOR) return null;
  if (STRONG_ETAG.test(etag)) return { kind: "etag", value: etag };
  const age = Date.parse(headers.get("date") ?? "") - Date.parse(date);
  return age >= 1000 ? { kind: "date", value: date } : null;
}

/** What asks for the file only if it is another one by now. */
export function conditionHeaders({ kind, value }: Validator): Readonly<Record<string, string>> {
  return kind === "etag" ? { "if-none-match": value } : { "if-modified-since": value };
}

/** Whether a reply that names a validator names this one; one that names none is believed. */
export function fits(headers: Headers, { kind, value }: Validator): boolean {
  const found = headers.get(kind === "etag" ? "etag" : "last-modified")?.trim();
  return found === undefined || found === value;
}

/**
 * What asks for the bytes from `offset` on, if the file is still the one that some came of; else for all of it.
 * @param end the first byte that is not asked for; the end of the file unless given.
 */
export function restHeaders(version: FileVersion, offset: number, end?: number): Readonly<Record<string, string>> {
  const last = end === undefined ? "" : end - 1;
  return { range: `bytes=${offset}-${last}`, "if-range": version.validator.value };
}

/**
 * Reads a reply 206 to `restHeaders`.
 * @returns the size of the whole file, or undefined when the reply is about another range or another file.
 */
export function totalOfRest(headers: Headers, version: FileVersion, offset: number, end?: number): number | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(headers.get("content-range")?.trim() ?? "");
  if (match === null || Number(match[1]) !== offset) return undefined;
  const total = match[3] === "*" ? version.total : Number(match[3]);
  const last = Number(match[2]);
  if (total === null || last < offset || last >= total) return undefined;
  if (end !== undefined && last !== end - 1) return undefined;
  if (version.total !== null && version.total !== total) return undefined;
  return fits(headers, version.validator) ? total : undefined;
}
