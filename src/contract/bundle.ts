import * as v from "valibot";
import { type EntryKey, formatKey } from "../cache/key.ts";
import { CountSchema } from "./scalars.ts";

/** Body of `PUT /v1/bundles`, which begins to load one. */
export const OpenBundleSchema = v.object({
  /** Texts with public keys in PEM; only where the agent's configuration names none. */
  TrustedKeys: v.nullish(v.pipe(v.array(v.string()), v.maxLength(100)), []),
  AllowUnsigned: v.nullish(v.boolean(), false),
});

/** Its reply. */
export const BundleOpenedSchema = v.object({
  ID: v.string(),
  /** Most bytes of the bundle that one request may hold. */
  MaxBytes: CountSchema,
});

/** Of `PUT /v1/bundle/:id`, whose body is the next bytes of the bundle as they are. */
export const BundleTakenSchema = v.object({
  /** Where the next bytes stand. */
  Offset: CountSchema,
});

/** Of `PUT /v1/bundle/:id/load`, which ends it. */
export const BundleLoadedSchema = v.object({
  /** sha256 of its manifest, in hex. */
  Digest: v.string(),
  Sequence: CountSchema,
  /** Who signed it: the sha256 of the public key (DER, SPKI), in hex; null for nobody. */
  Key: v.nullable(v.string()),
  /** RFC 3339. */
  Created: v.string(),
  /** Keys of what came into the cache. */
  Added: v.array(v.string()),
  /** Keys of what lay there before. */
  There: v.array(v.string()),
  /** Bytes of what was added. */
  Bytes: CountSchema,
});

export function writeBundleLoaded(loaded: {
  readonly digest: string;
  readonly manifest: { readonly sequence: number; readonly key: string | null; readonly created: string };
  readonly added: readonly EntryKey[];
  readonly there: readonly EntryKey[];
  readonly bytes: number;
}): v.InferOutput<typeof BundleLoadedSchema> {
  return {
    Digest: loaded.digest,
    Sequence: loaded.manifest.sequence,
    Key: loaded.manifest.key,
    Created: loaded.manifest.created,
    Added: loaded.added.map(formatKey),
    There: loaded.there.map(formatKey),
    Bytes: loaded.bytes,
  };
}
