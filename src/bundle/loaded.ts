import { existsSync } from "node:fs";
import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { readJson, writeJson } from "../cache/record.ts";

const schema = v.object({
  format: v.literal(1),
  keys: v.record(
    v.string(),
    v.object({ sequence: v.pipe(v.number(), v.safeInteger()), digest: v.string(), loadedAt: v.number() }),
  ),
});

/** The last bundle that was loaded of each key; times are milliseconds since 1970. */
export type LoadedBundles = Readonly<
  Record<string, { readonly sequence: number; readonly digest: string; readonly loadedAt: number }>
>;

/** @throws AppError `internal` for a file that cannot be read: without it an old bundle would pass. */
export function readLoaded(path: string): LoadedBundles {
  const found = readJson(path, schema);
  if (found !== undefined) return found.keys;
  if (!existsSync(path)) return {};
  throw new AppError("conflict", `cannot read ${path}, which says which bundles were loaded before`, {
    hint: "remove it to load bundles of any age again",
  });
}

/** Adds one, on the disk when it returns. @throws system errors. */
export function recordLoaded(path: string, key: string, bundle: LoadedBundles[string]): void {
  writeJson(path, { format: 1, keys: { ...readLoaded(path), [key]: bundle } });
}
