import { closeSync, constants, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveFormat } from "../archive/formats.ts";
import type { Limits } from "../archive/limits.ts";
import { monotonicMillis } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatChecksum, parseChecksum } from "../cache/checksum.ts";
import type { Entry } from "../cache/entry.ts";
import { type EntryKey, filesOf, formatKey, keyOf } from "../cache/key.ts";
import { pinUnlessGone, publishEntry, publishUnpacked, unpin } from "../cache/publish.ts";
import { makeCache } from "../cache/remove.ts";
import { makeRoom } from "../cache/room.ts";
import { readSource, type Validator, writeSource } from "../cache/source.ts";
import { cachePlaces } from "../paths.ts";
import { findDamage, findSound, type OnDamaged } from "./damage.ts";
import { type DownloadOptions, download } from "./download/download.ts";
import { requestOf } from "./download/request.ts";
import { artifactError, diskError } from "./failure.ts";
import { isLocal, LOAD_HINT, NOT_CACHED } from "./offline.ts";
import type { ArtifactPlan } from "./plan.ts";
import { copyLocal } from "./source/copy-local.ts";
import { exportRepository } from "./source/git-export.ts";
import type { Brought, UnpackedNow } from "./unpack/fetched.ts";
import { explainUnpacking, retryWithRoom, SINGLE_NAME, unpackFile } from "./unpack/unpack.ts";

export interface BringOptions extends DownloadOptions {
  readonly onDamaged: OnDamaged;
  /** What is not in the cache is asked for nowhere. */
  readonly offline?: boolean;
}

/** What `parts` calls a directory where one compressed file is unpacked. */
const UNPACKING_SUFFIX = ".unpacking";

type Compressed = Extract<ArchiveFormat, { container: "single" | "tar" }>["compression"];

/**
 * Brings an artifact into the cache, unless it is there: fetched, proved, and unpacked when it is one compressed file. Blocks on the
 * disk, so it runs in a Worker.
 * @param cache the cache's directory, made where it is missing.
 * @throws AppError `fetch`, and at once for what an agent without a network does not have.
 */
export async function bring(
  plan: ArtifactPlan,
  cache: string,
  options: BringOptions,
  limits: Limits,
): Promise<Brought> {
  const started = monotonicMillis();
  for (;;) {
    const got = await onCache(plan, cache, options, () => obtain(plan, cache, options));
    try {
      const format = compressionOf(plan);
      const unpacked = format === null ? null : await settleUnpacked(plan, cache, got.key, format, options, limits);
      return { ...got, unpacked, millis: monotonicMillis() - started };
    } catch (error) {
      unpin(got.pin);
      if (options.signal.aborted || !got.cached) throw error;
      // What was fetched just now is proved; what lay there may have rotted.
      const damaged = await findDamage(cache, got.key, options.signal, options.onDamaged).catch(() => false);
      if (!damaged) throw error;
    }
  }
}

/** The compression of one compressed file, which the cache keeps unpacked; null for everything else. */
export function compressionOf({ unpack }: ArtifactPlan): Compressed | null {
  return unpack?.format.container === "single" ? unpack.format.compression : null;
}

/** Where a request's download lies in the cache until it is an entry. */
export function planForCache(plan: ArtifactPlan, cache: string): ArtifactPlan {
  const fileName = requestOf(plan);
  const { parts } = cachePlaces(cache);
  return { ...plan, target: { root: cache, folders: ["parts"], fileName, path: join(parts, fileName) }, unpack: null };
}

type Obtained = Omit<Brought, "unpacked" | "millis">;

async function obtain(plan: ArtifactPlan, cache: string, options: BringOptions): Promise<Obtained> {
  makeCache(cache);
  const request = requestOf(plan);
  const known = plan.checksum === null ? readSource(cache, request) : undefined;
  const key = plan.checksum === null ? known?.key : keyOf(plan.checksum, request);
  const found = key === undefined ? undefined : findSound(cache, key, options.onDamaged);
  // Pinned before the server is asked: it may take its time.
  const held = found === undefined ? undefined : pinUnlessGone(cache, found.files);
  const [entry, pin] = held === undefined ? [undefined, null] : [found, held];
  let keepPin = false;
  try {
    const cut = options.offline === true && !isLocal(plan);
    if (entry !== undefined && (plan.checksum !== null || cut)) {
      keepPin = true;
      return fromEntry(entry, pin);
    }
    if (cut) throw artifactError(plan.source, NOT_CACHED, LOAD_HINT);
    const make = (missing: number): void => {
      // Nobody could fetch again what goes.
      if (options.offline !== true) makeRoom(cache, missing);
    };
    const ask = entry === undefined ? null : (known?.validator ?? null);
    const got = await wayOf(plan)(planForCache(plan, cache), { ...options, makeRoom: make }, ask);
    if (got === null && entry !== undefined && known !== undefined) {
      keepPin = true;
      remember(cache, request, plan, entry.key, known.validator);
      return fromEntry(entry, pin);
    }
    if (got === null) throw new AppError("internal", "a file that nobody knew is said to be the same");
    const made = keyOf(parseChecksum(got.checksum), request);
    const madePin = publishEntry(cache, made, got.path, plan.source);
    if (plan.checksum === null) remember(cache, request, plan, made, got.validator);
    const { bytes, checksum, resumed } = got;
    return { key: made, bytes, checksum, cached: false, resumed, pin: madePin };
  } finally {
    if (!keepPin) unpin(pin);
  }
}

/** How what a plan names gets into the cache. */
function wayOf({ via }: ArtifactPlan): typeof download {
  if (via.kind === "file") return copyLocal;
  return via.kind === "git" ? exportRepository : download;
}

/** What could not be written down costs a later start its bytes, never this one. */
function remember(
  cache: string,
  request: string,
  { source }: ArtifactPlan,
  key: EntryKey,
  validator: Validator | null,
): void {
  try {
    writeSource(cache, request, { key, validator, source, checkedAt: Date.now() });
  } catch {
    // The next one asks for all of it.
  }
}

function fromEntry({ key, record }: Entry, pin: string | null): Obtained {
  return { key, bytes: record.bytes, checksum: formatChecksum(key), cached: true, resumed: 0, pin };
}

async function settleUnpacked(
  plan: ArtifactPlan,
  cache: string,
  key: EntryKey,
  format: Compressed,
  { signal, onDamaged, offline = false }: BringOptions,
  limits: Limits,
): Promise<UnpackedNow | null> {
  const entry = findSound(cache, key, onDamaged);
  if (entry === undefined) throw new AppError("fetch", `the cache's entry ${formatKey(key)} went meanwhile`);
  if (entry.record.unpacked?.format === format || format === "none") return null;
  const started = monotonicMillis();
  const dir = join(cachePlaces(cache).parts, `${newId()}${UNPACKING_SUFFIX}`);
  try {
    const { files, bytes } = await retryWithRoom(offline ? null : cache, async () => {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { mode: 0o700 });
      const rootFd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        return await unpackFile(filesOf(cache, key), {
          format: { container: "single", compression: format },
          rootFd,
          agentName: "",
          limits,
          signal,
        });
      } finally {
        closeSync(rootFd);
      }
    });
    publishUnpacked(entry.files, join(dir, SINGLE_NAME), format);
    return { files, bytes, millis: monotonicMillis() - started };
  } catch (error) {
    throw explainUnpacking(plan, cache, error, signal);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function onCache<T>(
  plan: ArtifactPlan,
  cache: string,
  { signal }: BringOptions,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted || error instanceof AppError) throw error;
    throw diskError(plan.source, cache, "keep it in", error);
  }
}
