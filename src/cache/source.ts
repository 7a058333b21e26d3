import { rmSync } from "node:fs";
import * as v from "valibot";
import { cacheSource } from "../paths.ts";
import { type EntryKey, formatKey, parseKey } from "./key.ts";
import { readJson, writeJson } from "./record.ts";

/** A strong validator (RFC 9110, 8.8) of the bytes that a server sent, as it wrote it. */
export interface Validator {
  readonly kind: "etag" | "date";
  readonly value: string;
}

/** A validator as it stands in a record. */
export const ValidatorSchema = v.object({ kind: v.picklist(["etag", "date"]), value: v.string() });

/** Which entry a request without a checksum led to, and what to ask the server with whether it still does. */
export interface SourceRecord {
  readonly key: EntryKey;
  /** Null when the server could not say: it has to send all of it again. */
  readonly validator: Validator | null;
  /** The redacted one. */
  readonly source: string;
  /** Milliseconds since 1970. */
  readonly checkedAt: number;
}

const FORMAT = 1;

const schema = v.object({
  format: v.literal(FORMAT),
  entry: v.string(),
  validator: v.nullable(ValidatorSchema),
  source: v.string(),
  checkedAt: v.number(),
});

/** @param request 32 hex digits. @returns undefined when there is none that can be used. */
export function readSource(cache: string, request: string): SourceRecord | undefined {
  const found = readJson(cacheSource(cache, request), schema);
  const key = found === undefined ? undefined : parseKey(found.entry);
  if (found === undefined || key === undefined) return undefined;
  const { validator, source, checkedAt } = found;
  return { key, validator, source, checkedAt };
}

/** @throws system errors. */
export function writeSource(cache: string, request: string, { key, ...rest }: SourceRecord): void {
  writeJson(cacheSource(cache, request), { format: FORMAT, entry: formatKey(key), ...rest });
}

/** None is fine. @throws system errors. */
export function removeSource(cache: string, request: string): void {
  rmSync(cacheSource(cache, request), { force: true });
}
