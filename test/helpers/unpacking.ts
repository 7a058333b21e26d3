import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { archiveFormat } from "../../src/archive/formats.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/archive/limits.ts";
import { type Unpacked, unpack } from "../../src/archive/unpack.ts";
import type { TempDir } from "./temp.ts";

/** Unpacks bytes into `out` below a directory, which is made. @param word as the `archive` option has it. */
export async function unpackBytes(
  dir: TempDir,
  bytes: Uint8Array,
  word: string,
  limits: Partial<Limits> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Unpacked> {
  const format = archiveFormat(word);
  if (format === undefined) throw new Error(`no format ${word}`);
  writeFileSync(dir.file("archive"), bytes);
  mkdirSync(dir.file("out"));
  const rootFd = openSync(dir.file("out"), "r");
  const handle = await open(dir.file("archive"));
  try {
    return await unpack({
      file: { handle, size: bytes.length, signal },
      format,
      rootFd,
      singleName: "content",
      agentName: ".paddock",
      limits: { ...DEFAULT_LIMITS, ...limits },
    });
  } finally {
    await handle.close();
    closeSync(rootFd);
  }
}

/** Every path below a directory, sorted. */
export function listing(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
}
