import { createGunzip, createInflateRaw, createZstdDecompress } from "node:zlib";
import { AppError, errnoOf } from "../base/errors.ts";
import { releaseBytes } from "../runtime/memory.ts";
import { type ArchiveFile, readRange } from "./archive-file.ts";
import { unpackBzip2 } from "./bzip2/bzip2.ts";
import { archiveError, truncated } from "./failure.ts";
import type { Compression } from "./formats.ts";
import { unpackXz } from "./xz/xz.ts";
import { walkZstdFrames } from "./zstd-frames.ts";

/** Largest chunk that comes out of node:zlib. */
const CHUNK = 256 << 10;

/**
 * What a compressed file holds, chunk by chunk, all its members one after the other; nothing is read far ahead of what was taken, and
 * a chunk is there only until the next one is asked for.
 * @throws AppError for a file that ends early, is damaged by its own checksums, is empty, or has other bytes behind its end; aborts of
 * the file's signal.
 */
export async function* decompress(file: ArchiveFile, compression: Compression): AsyncGenerator<Uint8Array> {
  if (compression === "none") {
    yield* readRange(file, 0, file.size);
    return;
  }
  if (file.size === 0) throw truncated(`the ${compression} file`);
  try {
    if (compression === "zst") {
      for await (const { start, end } of walkZstdFrames(file)) {
        yield* throughZlib(readRange(file, start, end), createZstdDecompress({ chunkSize: CHUNK }));
      }
      return;
    }
    if (compression === "xz") {
      yield* unpackXz(file);
      return;
    }
    const packed = readRange(file, 0, file.size);
    if (compression === "gz") yield* throughZlib(packed, createGunzip({ chunkSize: CHUNK }));
    else yield* unpackBzip2(packed);
  } catch (error) {
    throw explain(compression, error);
  }
}

/**
 * The deflated bytes from `start` to before `end`; a chunk is there only until the next one is asked for.
 * @throws AppError when they are damaged, or when the stream ends before or behind `end`.
 */
export async function* inflateRange(file: ArchiveFile, start: number, end: number): AsyncGenerator<Uint8Array> {
  const engine = createInflateRaw({ chunkSize: CHUNK });
  try {
    yield* throughZlib(readRange(file, start, end), engine);
  } catch (error) {
    throw explain("deflated", error);
  }
  if (engine.bytesWritten !== end - start) throw archiveError("other bytes stand behind its deflated content");
}

type Engine = ReturnType<typeof createGunzip | typeof createInflateRaw | typeof createZstdDecompress>;

async function* throughZlib(packed: AsyncGenerator<Uint8Array>, engine: Engine): AsyncGenerator<Uint8Array> {
  const fed = feed(packed, engine);
  try {
    for await (const chunk of engine as AsyncIterable<Uint8Array>) {
      yield chunk;
      // Whoever asks for the next one has done with this one.
      releaseBytes(chunk);
    }
    await fed;
  } finally {
    engine.destroy();
  }
}

/** Gives an engine what it is to unpack, one chunk at a time; what goes wrong is told by the engine, to whoever reads from it. */
async function feed(packed: AsyncGenerator<Uint8Array>, engine: Engine): Promise<void> {
  try {
    for await (const bytes of packed) {
      if (!(await isTaken(engine, bytes))) return;
      releaseBytes(bytes);
    }
    engine.end();
  } catch (error) {
    engine.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** @returns whether the engine has done with the bytes; false once it was closed. */
async function isTaken(engine: Engine, bytes: Uint8Array): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onClose = (): void => resolve(false);
  engine.once("close", onClose);
  engine.write(bytes, (error) => resolve(error === null || error === undefined));
  const taken = await promise;
  engine.off("close", onClose);
  return taken;
}

function explain(what: string, error: unknown): unknown {
  const code = errnoOf(error);
  if (error instanceof AppError) return error;
  if (code === "Z_BUF_ERROR") return truncated(`the ${what} data`);
  if (code === "Z_DATA_ERROR" || code === "Z_NEED_DICT" || code?.startsWith("ZSTD_") === true) {
    return archiveError(`the ${what} data is damaged`, "fetch or make the file again", error);
  }
  return error;
}
