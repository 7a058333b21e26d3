import { createReadStream, statSync } from "node:fs";
import { AppError, unreadable } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { formatBytes } from "../base/units.ts";
import { MAX_SOURCE_BYTES } from "../hcl/limits.ts";

type SourceKind = "job file" | "file of variables";

/**
 * The bytes of a file that this program reads as a source. A pipe such as `<(command)` has no size: what is read of it is counted. It may
 * make one wait, and Ctrl-C ends that.
 * @param kind what it is, for messages. @throws AppError `not_found` or `invalid` for what cannot be read, and for what is too long.
 */
export async function readBoundedFile(path: string, kind: SourceKind): Promise<Buffer> {
  try {
    const stat = statSync(path);
    if (stat.size <= MAX_SOURCE_BYTES && stat.isFile())
      return assertShort(readBeginning(path, MAX_SOURCE_BYTES), path, kind);
    if (stat.isFile()) throw tooLong(path, kind);
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: MAX_SOURCE_BYTES })) chunks.push(Buffer.from(chunk));
    return assertShort(Buffer.concat(chunks), path, kind);
  } catch (error) {
    throw error instanceof AppError ? error : unreadable(path, error);
  }
}

/** @param name what messages call it. @throws AppError `invalid` for more than a source may have. */
export function assertShort(bytes: Buffer, name: string, kind: SourceKind): Buffer {
  if (bytes.length <= MAX_SOURCE_BYTES) return bytes;
  throw tooLong(name, kind);
}

const tooLong = (name: string, kind: SourceKind): AppError =>
  new AppError("invalid", `${name} is too long: a ${kind} has at most ${formatBytes(MAX_SOURCE_BYTES)}`);
