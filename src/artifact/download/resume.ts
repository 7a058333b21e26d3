import { setImmediate } from "node:timers/promises";
import { type ChecksumType, DEFAULT_TYPE } from "../../cache/checksum.ts";
import { artifactError, onDisk } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { FileVersion } from "../source/version.ts";
import { createIslands, type Islands, type MarkedIsland } from "./islands.ts";
import { readJournal } from "./journal.ts";
import { type Checkpoint, type PartFile, reopenPartFile } from "./part.ts";
import { createHashSink, type HashSink } from "./sink.ts";

/** What an earlier try left of a file, found whole. */
export interface Left {
  readonly part: PartFile;
  readonly hash: HashSink;
  readonly islands: Islands;
  readonly version: FileVersion;
}

/**
 * Takes up what an earlier try left. The state of a hash cannot be stored, so what is there is read again, and must have the hash that the
 * journal has: neither a power cut nor somebody else's file gets into the result.
 * @returns undefined when nothing is left that can be used. @throws AppError `fetch` of the disk, the signal's reason.
 */
export async function takeUp(
  plan: ArtifactPlan,
  folder: Folder,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<Left | undefined> {
  const journal = readJournal(plan);
  if (journal === undefined) return undefined;
  const path = `${plan.target.path}.part`;
  const { total } = journal.version;
  // Behind the end of the file there is nothing that could be fetched over it.
  const marked = journal.islands.filter(({ end }) => total !== null && end <= total);
  const end = marked.reduce((last, island) => Math.max(last, island.end), journal.bytes);
  const open = (): PartFile | undefined =>
    reopenPartFile(folder, plan.target.fileName, { bytes: journal.bytes, end }, checkpoint);
  const part = onDisk(plan.source, path, "read", open);
  if (part === undefined) return undefined;
  const type = plan.checksum?.type ?? DEFAULT_TYPE;
  const islands = createIslands(type);
  let hash: HashSink | undefined;
  try {
    hash = await rehash(part, { start: 0, end: journal.bytes, hex: journal.hex }, type, signal);
    if (hash !== undefined) {
      await takeUpIslands(part, islands, marked, type, signal);
      absorb(plan, part, hash, islands);
    }
  } catch (error) {
    hash = undefined;
    // A bad sector of the part file is no reason not to fetch it again.
    if (signal.aborted) throw error;
  } finally {
    if (hash === undefined) await part.leave();
  }
  return hash && { part, hash, islands, version: journal.version };
}

/** Of two that overlap one is of an earlier record: the longer one counts, if it is whole. */
async function takeUpIslands(
  part: PartFile,
  islands: Islands,
  marked: readonly MarkedIsland[],
  type: ChecksumType,
  signal: AbortSignal,
): Promise<void> {
  let behind = part.bytes;
  for (const island of marked.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (island.start < behind) continue;
    const hash = await rehash(part, island, type, signal);
    if (hash === undefined) continue;
    islands.addHashed(island, hash);
    behind = island.end;
  }
}

/** @returns the hash of a stretch of the file, undefined when it is another one. @throws system errors, the signal's reason. */
async function rehash(
  part: PartFile,
  { start, end, hex }: MarkedIsland,
  type: ChecksumType,
  signal: AbortSignal,
): Promise<HashSink | undefined> {
  const hash = createHashSink(type);
  const buffer = Buffer.alloc(READ_BYTES);
  for (let position = start; position < end; ) {
    // Lets a cancellation in between.
    await setImmediate();
    signal.throwIfAborted();
    const count = Math.min(part.read(buffer, position), end - position);
    if (count === 0) return undefined;
    hash.write(buffer.subarray(0, count));
    position += count;
  }
  return hash.peek().hex === hex ? hash : undefined;
}

/** Reads at a time. */
const READ_BYTES = 1 << 20;

/** Has `hash` and `part` take in the islands before which there is no gap. @throws system errors. */
export function absorb({ source }: ArtifactPlan, part: PartFile, hash: HashSink, islands: Islands): void {
  for (let island = islands.shift(part.bytes); island !== undefined; island = islands.shift(part.bytes)) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, island.end - part.bytes));
    while (part.bytes < island.end) {
      const count = Math.min(part.read(buffer, part.bytes), island.end - part.bytes);
      if (count === 0) throw artifactError(source, "the part file was cut while it was written");
      hash.write(buffer.subarray(0, count));
      part.advance(count);
    }
  }
}
