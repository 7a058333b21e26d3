import { closeSync, constants, fsync, lstatSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { endSparse, writeSparse } from "../archive/sparse-file.ts";
import { createHashSink, type HashSink } from "../artifact/download/sink.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { describeRoom, MAKE_ROOM, roomAt } from "../base/room.ts";
import { formatBytes } from "../base/units.ts";
import { listEntries, lookUp } from "../cache/entry.ts";
import { type EntryKey, formatKey } from "../cache/key.ts";
import { pinEntry, publishEntry, unpin } from "../cache/publish.ts";
import { makeCache, setAside } from "../cache/remove.ts";
import { writeSource } from "../cache/source.ts";
import { cachePlaces, filesOfEntry } from "../paths.ts";
import { bundleError, COPY_AGAIN } from "./failure.ts";
import type { Member } from "./layout.ts";
import type { BundledArtifact, Manifest } from "./manifest.ts";
import type { MemberSink } from "./read.ts";

/** What became of the artifacts of a bundle. */
export interface Installed {
  /** Came into the cache. */
  readonly added: readonly EntryKey[];
  /** Lay there before. */
  readonly there: readonly EntryKey[];
  /** Bytes of what was added. */
  readonly bytes: number;
}

/** Brings the artifacts of a bundle into a cache: all of them, once all of them are proved. */
export interface Installation extends MemberSink {
  /** To be asked once all have come. @throws AppError `conflict` when the cache may not keep them; nothing of them is there then. */
  assertKept(): void;
  /** Gives every artifact its name in the cache. @throws system errors; AppError that says how far it came. */
  commit(): Installed;
  /** Removes what has no name yet. To be called in any case. */
  close(): void;
}

const fsyncAsync = promisify(fsync);

/** What `parts` calls a file of a bundle until it is an entry. */
const LOADING_SUFFIX = ".loading";

/** The file that is being written, and what proves it besides the manifest's hash. */
interface Writing {
  readonly artifact: BundledArtifact;
  readonly fd: number | null;
  readonly proof: HashSink | null;
  at: number;
}

export interface InstallOptions {
  readonly now: () => number;
  /** Bytes on the disk that the cache may have by the agent's configuration; 0 sets no limit. */
  readonly maxBytes: number;
}

/**
 * Looks what of a bundle is in the cache, and whether there is room for the rest. Nothing is evicted for it: what a host without a
 * network loses nobody can fetch again.
 * @throws AppError `conflict` naming what is neither there nor in the bundle, or when there is no room.
 */
export function beginInstallation(cache: string, manifest: Manifest, { now, maxBytes }: InstallOptions): Installation {
  makeCache(cache);
  const pins: (string | null)[] = [];
  const there = new Set<string>();
  const staged = new Map<string, string>();
  let writing: Writing | undefined;
  const finish = (): void => {
    if (writing !== undefined && writing.fd !== null) closeSync(writing.fd);
    writing = undefined;
    for (const path of staged.values()) rmSync(path, { force: true });
    for (const pin of pins) unpin(pin);
  };
  try {
    for (const { key } of manifest.artifacts) if (holdEntry(cache, key, pins)) there.add(formatKey(key));
    refuseMissing(manifest, there);
    assertRoom(cache, manifest, there);
  } catch (error) {
    finish();
    throw error;
  }
  return {
    begin: async (member: Member) => {
      if (member.kind !== "artifact") return;
      const { artifact } = member;
      const name = formatKey(artifact.key);
      const { type } = artifact.key;
      const proof = type === "sha256" ? null : createHashSink(type);
      writing = { artifact, fd: there.has(name) ? null : openStaged(cache, name, staged), proof, at: 0 };
    },
    write: async (bytes) => {
      if (writing === undefined) return;
      const { fd, at } = writing;
      writing.proof?.write(bytes);
      if (fd !== null) {
        leaveRoom(cache);
        onDisk(() => writeSparse(fd, bytes, at));
      }
      writing.at += bytes.length;
    },
    end: async () => {
      if (writing === undefined) return;
      const { artifact, fd, proof, at } = writing;
      const found = proof?.digest().hex ?? artifact.key.hex;
      if (found !== artifact.key.hex) {
        throw bundleError(
          `its manifest calls a file ${formatKey(artifact.key)} that has ${artifact.key.type}:${found}`,
          COPY_AGAIN,
        );
      }
      if (fd !== null) {
        onDisk(() => endSparse(fd, at));
        await fsyncAsync(fd).catch((error: unknown) => onDisk(() => fail(error)));
        closeSync(fd);
      }
      writing = undefined;
    },
    assertKept: () => assertKept(cache, manifest, [...staged.values()], maxBytes),
    commit: () => commit(cache, manifest, { staged, pins, now: now() }),
    close: finish,
  };
}

interface Committing {
  readonly staged: ReadonlyMap<string, string>;
  readonly pins: (string | null)[];
  readonly now: number;
}

function commit(cache: string, manifest: Manifest, { staged, pins, now }: Committing): Installed {
  const added: BundledArtifact[] = [];
  try {
    for (const artifact of manifest.artifacts) {
      const path = staged.get(formatKey(artifact.key));
      if (path === undefined) continue;
      pins.push(publishEntry(cache, artifact.key, path, artifact.source));
      added.push(artifact);
    }
    for (const { request, key, validator, source } of manifest.requests) {
      writeSource(cache, request, { key, validator, source, checkedAt: now });
    }
  } catch (error) {
    const done = `${added.length} of ${staged.size} artifacts are in the cache, whole and proved`;
    throw new AppError(
      "conflict",
      `the bundle was not loaded to its end (${errnoOf(error) ?? "unknown error"}): ${done}`,
      {
        hint: "mend the disk and load it again; what is there stays",
        cause: error,
      },
    );
  }
  const keys = new Set(added.map(({ key }) => formatKey(key)));
  const there = manifest.artifacts.map(({ key }) => key).filter((key) => !keys.has(formatKey(key)));
  return { added: added.map(({ key }) => key), there, bytes: added.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** @returns whether a sound entry is there, which stays then. */
function holdEntry(cache: string, key: EntryKey, pins: (string | null)[]): boolean {
  const found = lookUp(cache, key);
  if (found.kind === "damaged") setAside(cache, key);
  if (found.kind !== "there") return false;
  pins.push(pinEntry(cache, filesOfEntry(found.entry.files.dir)));
  return true;
}

function refuseMissing({ artifacts, base }: Manifest, there: ReadonlySet<string>): void {
  const missing = artifacts.filter(({ key, packed }) => !packed && !there.has(formatKey(key)));
  if (missing.length === 0) return;
  const lines = missing.map(({ key, source }) => `  ${formatKey(key)} (${source})`);
  const what = `it only adds to the bundle with sequence ${base?.sequence ?? 0}, and of that the cache lacks`;
  throw new AppError("conflict", [`the bundle is refused: ${what}`, ...lines].join("\n"), {
    hint: "load that bundle first, or make one without -since",
  });
}

function assertRoom(cache: string, { artifacts }: Manifest, there: ReadonlySet<string>): void {
  const needed = artifacts.reduce((sum, { key, bytes }) => (there.has(formatKey(key)) ? sum : sum + bytes), 0);
  const room = roomAt(cache);
  if (room === undefined || needed === 0 || needed + room.reserve <= room.free) return;
  throw new AppError("conflict", `no room for the bundle: needed ${formatBytes(needed)}, ${describeRoom(room)}`, {
    hint: "paddock image prune removes what no machine uses; or make room in the agent's data_dir",
  });
}

/**
 * What a cache may not have, the next look at it would remove, the bundle's own artifacts among it. How much room they take is known only
 * now: their holes take none.
 */
function assertKept(cache: string, { artifacts }: Manifest, staged: readonly string[], maxBytes: number): void {
  if (maxBytes === 0) return;
  const own = new Set(artifacts.map(({ key }) => formatKey(key)));
  // What the bundle found there is held for it, and so is what machines use.
  const held = listEntries(cache).flatMap(({ key, found }) =>
    found.kind === "there" && (own.has(formatKey(key)) || found.entry.pins > 0) ? [found.entry.allocated] : [],
  );
  const come = staged.map((path) => lstatSync(path).blocks * 512);
  const needed = [...held, ...come].reduce((sum, bytes) => sum + bytes, 0);
  if (needed <= maxBytes) return;
  const found = `with it and what machines use the cache would have ${formatBytes(needed)}`;
  throw new AppError("conflict", `the bundle is not loaded: ${found}, and may have ${formatBytes(maxBytes)}`, {
    hint: "raise client.artifact_cache.max_size_mb in the agent's configuration, or leave it out",
  });
}

/** Others write to the disk meanwhile; the agent's store and the disks of machines want the rest. */
function leaveRoom(cache: string): void {
  const room = roomAt(cache);
  if (room === undefined || room.reserve <= room.free) return;
  throw new AppError("conflict", `the bundle is not loaded: no space left on the disk: ${describeRoom(room)}`, {
    hint: MAKE_ROOM,
  });
}

function openStaged(cache: string, name: string, staged: Map<string, string>): number {
  const path = join(cachePlaces(cache).parts, `${newId()}${LOADING_SUFFIX}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = onDisk(() => openSync(path, flags, 0o600));
  staged.set(name, path);
  return fd;
}

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const full = errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT";
    const why = full ? "no space left on the disk" : `cannot write to the cache (${errnoOf(error) ?? "unknown error"})`;
    throw new AppError("conflict", `the bundle is not loaded: ${why}`, {
      hint: MAKE_ROOM,
      cause: error,
    });
  }
}

function fail(error: unknown): never {
  throw error;
}
