import { createHash } from "node:crypto";
import { closeSync, constants, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { AppError, errnoOf } from "../base/errors.ts";
import { roomAt } from "../base/room.ts";
import { formatBytes } from "../base/units.ts";
import { BLOCK, END, headerOf, MANIFEST_NAME, membersOf, paddingOf, SIGNATURE_NAME } from "./layout.ts";
import { encodeManifest, type Manifest } from "./manifest.ts";

/** What is written, and where its bytes are. */
export interface BundleSource {
  readonly manifest: Manifest;
  /** Null for a bundle that nobody signs. */
  readonly sign: ((text: Uint8Array) => Uint8Array) | null;
  /** The bytes of a file of the manifest, or the path of a file that has them, by sha256. */
  readonly contents: ReadonlyMap<string, Uint8Array | string>;
}

export interface WriteOptions {
  readonly signal: AbortSignal;
  /** How many bytes are written, of how many. */
  readonly onProgress: (bytes: number, total: number) => void;
}

const PIECE = 1 << 20;

/**
 * Writes a bundle that only its owner may read: job files may hold secrets. It has its name when all of it is on the disk.
 * @returns the manifest's bytes, and how long the bundle is.
 * @throws AppError `invalid` for a disk that is full, or a file that is not what the manifest says.
 */
export async function writeBundle(
  path: string,
  source: BundleSource,
  options: WriteOptions,
): Promise<{ readonly text: Buffer; readonly bytes: number }> {
  const text = encodeManifest(source.manifest);
  const total = sizeOf(source, text.length);
  const part = `${path}.part`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  // What a killed one left has its room.
  onDisk(path, () => rmSync(part, { force: true }));
  assertRoom(path, total);
  const fd = onDisk(path, () => openSync(part, flags, 0o600));
  let done = false;
  try {
    const output = createOutput(path, fd, total, options);
    await writeAll(output, source, text);
    onDisk(path, () => {
      fsyncSync(fd);
      renameSync(part, path);
    });
    done = true;
    return { text, bytes: total };
  } finally {
    closeSync(fd);
    if (!done) rmSync(part, { force: true });
  }
}

interface Output {
  put(bytes: Uint8Array): Promise<void>;
}

async function writeAll({ put }: Output, { manifest, sign, contents }: BundleSource, text: Buffer): Promise<void> {
  const { created } = manifest;
  const whole = async (name: string, bytes: Uint8Array): Promise<void> => {
    await put(headerOf(name, bytes.length, created));
    await put(bytes);
    await put(paddingOf(bytes.length));
  };
  await whole(MANIFEST_NAME, text);
  if (sign !== null) await whole(SIGNATURE_NAME, sign(text));
  for (const { name, bytes, sha256 } of membersOf(manifest)) {
    const content = contents.get(sha256);
    if (content === undefined) throw new AppError("internal", `nothing is known of ${name}`);
    await put(headerOf(name, bytes, created));
    const hash = createHash("sha256");
    let copied = 0;
    for (const piece of piecesOf(content)) {
      hash.update(piece);
      copied += piece.length;
      if (copied > bytes) break;
      await put(piece);
    }
    if (copied !== bytes || hash.digest("hex") !== sha256) throw changed(name, content);
    await put(paddingOf(bytes));
  }
  await put(END);
}

function createOutput(path: string, fd: number, total: number, { signal, onProgress }: WriteOptions): Output {
  let written = 0;
  return {
    put: async (bytes) => {
      signal.throwIfAborted();
      onDisk(path, () => {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      });
      written += bytes.length;
      if (bytes.length < PIECE) return;
      onProgress(written, total);
      // Ctrl-C is heard between two pieces.
      await setImmediate();
    },
  };
}

function* piecesOf(content: Uint8Array | string): Generator<Uint8Array> {
  if (typeof content !== "string") {
    yield content;
    return;
  }
  const fd = openSync(content, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(PIECE);
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

function sizeOf({ manifest, sign }: BundleSource, text: number): number {
  const one = (bytes: number): number => BLOCK + bytes + paddingOf(bytes).length;
  const members = membersOf(manifest).reduce((sum, { bytes }) => sum + one(bytes), 0);
  return one(text) + (sign === null ? 0 : one(64)) + members + END.length;
}

function assertRoom(path: string, needed: number): void {
  const room = onDisk(path, () => roomAt(dirname(path)));
  if (room === undefined || needed <= room.free) return;
  const found = `no space left for ${path}: needed ${formatBytes(needed)}, free ${formatBytes(room.free)}`;
  throw new AppError("invalid", found, { hint: "write it to another disk, or make a delta with -since" });
}

function changed(name: string, content: Uint8Array | string): AppError {
  const where = typeof content === "string" ? content : name;
  return new AppError("invalid", `${where} is not what it was when it was fetched or first read`, {
    hint: "remove it and try again",
  });
}

function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new AppError("invalid", `cannot write ${path}: ${errnoOf(error) ?? "unknown error"}`, { cause: error });
  }
}
