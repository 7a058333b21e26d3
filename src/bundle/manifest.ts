import { createHash } from "node:crypto";
import * as v from "valibot";
import { type EntryKey, keyName, parseKey } from "../cache/key.ts";
import type { Validator } from "../cache/source.ts";
import { bundleError, NOT_OURS } from "./failure.ts";

/** What every manifest says of itself: nothing else that a key may have signed is taken for one. */
const FORMAT = "paddock-bundle-1";

/** Longest manifest that is read, in bytes: thousands of artifacts. */
export const MAX_MANIFEST = 4 << 20;

/** Most members of each kind. */
const MAX_MEMBERS = 10_000;

/** Longest artifact: what ext4 allows one file. */
const MAX_BYTES = 16 * 2 ** 40;

/** A name that means the same in every directory, and fits a tar header behind its folder. */
export const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,79}$/;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const bytes = v.pipe(count, v.maxValue(MAX_BYTES));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const request = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const source = v.pipe(v.string(), v.maxLength(8192));
const fileName = v.pipe(v.string(), v.regex(FILE_NAME));
const entry = v.pipe(
  v.string(),
  v.check((text) => parseKey(text) !== undefined),
);
const list = <S extends v.GenericSchema>(item: S) => v.pipe(v.array(item), v.maxLength(MAX_MEMBERS));

const schema = v.strictObject({
  format: v.literal(FORMAT),
  sequence: v.pipe(count, v.minValue(1)),
  created: v.pipe(v.string(), v.isoTimestamp()),
  key: v.nullable(sha256),
  base: v.nullable(v.strictObject({ digest: sha256, sequence: count })),
  jobs: list(v.strictObject({ file: fileName, id: v.pipe(v.string(), v.maxLength(1024)), bytes, sha256 })),
  binaries: list(v.strictObject({ file: fileName, bytes, sha256, packed: v.boolean() })),
  artifacts: list(v.strictObject({ entry, bytes, sha256, source, packed: v.boolean() })),
  requests: list(
    v.strictObject({
      request,
      entry,
      source,
      validator: v.nullable(
        v.strictObject({ kind: v.picklist(["etag", "date"]), value: v.pipe(v.string(), v.maxLength(8192)) }),
      ),
    }),
  ),
});

/** A job file as its author wrote it. */
export interface BundledJob {
  readonly file: string;
  readonly id: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** @property packed false: the bundle that this one adds to has it. */
export interface BundledBinary {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly packed: boolean;
}

/** A file for the cache. @property packed as of a binary. */
export interface BundledArtifact {
  readonly key: EntryKey;
  readonly bytes: number;
  readonly sha256: string;
  /** Without its secrets. */
  readonly source: string;
  readonly packed: boolean;
}

/** What a job finds that gives no checksum. */
export interface BundledRequest {
  /** As `requestOf` has it. */
  readonly request: string;
  readonly key: EntryKey;
  readonly source: string;
  readonly validator: Validator | null;
}

/** What a bundle says that it holds; everything else in it is proved by this, and this by its signature. */
export interface Manifest {
  /** Grows from bundle to bundle of one key. */
  readonly sequence: number;
  /** RFC 3339, in whole seconds. */
  readonly created: string;
  /** Whose signature stands behind it, as `keyId` tells; null for none. */
  readonly key: string | null;
  /** The manifest that this one adds to; null when it stands alone. */
  readonly base: { readonly digest: string; readonly sequence: number } | null;
  readonly jobs: readonly BundledJob[];
  readonly binaries: readonly BundledBinary[];
  readonly artifacts: readonly BundledArtifact[];
  readonly requests: readonly BundledRequest[];
}

/** The one form in which a manifest is written: sorted keys, two spaces, a line end. */
export function encodeManifest({ artifacts, requests, ...rest }: Manifest): Buffer {
  return encodeWire({
    format: FORMAT,
    ...rest,
    artifacts: artifacts.map(({ key, ...more }) => ({ ...more, entry: `${key.type}:${keyName(key)}` })),
    requests: requests.map(({ key, ...more }) => ({ ...more, entry: `${key.type}:${keyName(key)}` })),
  });
}

/**
 * Reads what `encodeManifest` writes, and nothing that is written otherwise: two readers could take that for two things.
 * @throws AppError `invalid`.
 */
export function decodeManifest(text: Uint8Array): Manifest {
  const { format: _, artifacts, requests, ...rest } = parseWire(text);
  const manifest: Manifest = {
    ...rest,
    artifacts: artifacts.map(({ entry: name, ...more }) => ({ ...more, key: keyOf(name) })),
    requests: requests.map(({ entry: name, ...more }) => ({ ...more, key: keyOf(name) })),
  };
  checkSense(manifest);
  return manifest;
}

/** What a manifest is known by, in hex. */
export function digestOf(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function parseWire(text: Uint8Array): v.InferOutput<typeof schema> {
  try {
    const found = v.safeParse(schema, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)));
    if (found.success && encodeWire(found.output).equals(text)) return found.output;
  } catch {
    // Told below, whatever it is.
  }
  throw bundleError("its manifest is damaged, or one of another version of paddock", NOT_OURS);
}

function encodeWire(wire: object): Buffer {
  return Buffer.from(`${JSON.stringify(sorted(wire), null, 2)}\n`);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(pairs.map(([key, item]) => [key, sorted(item)]));
}

function keyOf(text: string): EntryKey {
  const key = parseKey(text);
  if (key === undefined) throw bundleError("its manifest names something that is no checksum", NOT_OURS);
  return key;
}

/** What a schema cannot say: a manifest that contradicts itself proves nothing, whoever signed it. */
function checkSense({ jobs, binaries, artifacts, requests, base }: Manifest): void {
  const names = artifacts.map(({ key }) => keyText(key));
  const files = [...jobs, ...binaries].map(({ file }) => file);
  const known = new Set(names);
  const odd = artifacts.find(({ key, sha256: sum }) => key.type === "sha256" && key.hex !== sum);
  const twice = repeated(names) ?? repeated(files) ?? repeated(requests.map(({ request: one }) => one));
  const lost = requests.find(({ key }) => !known.has(keyText(key)));
  const alone = base === null && [...artifacts, ...binaries].some(({ packed }) => !packed);
  const found =
    twice ?? odd?.sha256 ?? lost?.request ?? (alone ? "something left out, and no bundle that has it" : undefined);
  if (found !== undefined) throw bundleError(`its manifest contradicts itself (${found})`, NOT_OURS);
}

const keyText = (key: EntryKey): string => `${key.type}:${keyName(key)}`;

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
