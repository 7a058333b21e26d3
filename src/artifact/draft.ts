import { fsyncSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { monotonicMillis } from "../base/clock.ts";
import { formatBytes } from "../base/units.ts";
import { type Checksum, DEFAULT_TYPE } from "../cache/checksum.ts";
import { artifactError, onDisk } from "./failure.ts";
import type { Folder } from "./folder.ts";
import { readJournal, removeJournal, writeJournal } from "./journal.ts";
import { type Checkpoint, createPartFile, type PartFile, reopenPartFile } from "./part.ts";
import type { ArtifactPlan } from "./plan.ts";
import { createHashSink, type HashSink, type Sink } from "./sink.ts";
import type { FileVersion } from "./source/version.ts";

/** What is there of an artifact that is not whole yet: part file, hash and journal, which always agree. */
export interface Draft extends Sink {
  readonly bytes: number;
  /** What the bytes are a beginning of; null when the rest of it cannot be asked for. */
  readonly version: FileVersion | null;
  /** Writes bytes that come before those in front of them. They count once `absorb` has hashed them, in the file's order. */
  ahead(chunk: Uint8Array, position: number): void;
  /** Takes in what was written ahead, from `bytes` up to `end`. */
  absorb(end: number): void;
  /** Drops what was written ahead and not taken in. */
  trim(): void;
  /** Drops what is there: other bytes come. */
  startOver(version: FileVersion | null): Promise<void>;
  /** To be asked once, at the end. */
  digest(): Checksum;
  sync(): Promise<void>;
  /** Gives the file its name. */
  publish(): void;
  /**
   * @param keep leaves part file and journal for a later try when that can take them up. Else nothing stays but what was published.
   */
  close(keep: boolean): Promise<void>;
}

/** The journal is written so often at the most: on ext4 it costs 6 ms each time, in the way of the download's bytes. */
const NOTE_MILLIS = 1000;

/**
 * Takes up what an earlier try left, or begins with nothing. The state of a hash cannot be stored, so what is there is read again,
 * and must have the hash that the journal has: neither a power cut nor somebody else's file gets into the result.
 * @throws AppError `fetch` of the disk, or the signal's reason.
 */
export async function openDraft(plan: ArtifactPlan, folder: Folder, signal: AbortSignal): Promise<Draft> {
  const type = plan.checksum?.type ?? DEFAULT_TYPE;
  const path = `${plan.target.path}.part`;
  const { fileName } = plan.target;
  let version: FileVersion | null = null;
  let dropped = false;
  let hash = createHashSink(type);
  let notedAt = monotonicMillis();
  const mark = (): (() => void) => {
    if (version === null || part.bytes === 0) return () => undefined;
    const journal = { version, bytes: part.bytes, hex: hash.peek().hex };
    return () => {
      if (!dropped) note(plan, journal);
    };
  };
  const markSeldom = (): (() => void) => {
    if (monotonicMillis() - notedAt < NOTE_MILLIS) return () => undefined;
    notedAt = monotonicMillis();
    return mark();
  };
  const begin = (checkpoint: Checkpoint): PartFile => {
    removeJournal(plan);
    return createPartFile(folder, fileName, checkpoint);
  };
  let part: PartFile;
  const left = await takeUp(plan, folder, markSeldom, signal);
  if (left === undefined) part = onDisk(plan.source, path, "create", () => begin(markSeldom));
  else ({ part, hash, version } = left);
  return {
    get bytes() {
      return part.bytes;
    },
    get version() {
      return version;
    },
    write(chunk) {
      // The hash first: a checkpoint that the write begins speaks of both.
      hash.write(chunk);
      const howFar = (): string => `after ${formatBytes(part.bytes)}`;
      onDisk(plan.source, path, "write", () => part.write(chunk), howFar);
    },
    ahead(chunk, position) {
      onDisk(plan.source, path, "write", () => part.ahead(chunk, position));
    },
    absorb(end) {
      onDisk(plan.source, path, "read", () => absorb(plan, part, hash, end));
    },
    trim() {
      onDisk(plan.source, path, "write", () => part.trim());
    },
    async startOver(next) {
      version = null;
      await part.clear();
      onDisk(plan.source, path, "write", () => removeJournal(plan));
      hash = createHashSink(type);
      version = next;
    },
    digest: () => hash.digest(),
    sync: () => part.sync(),
    publish() {
      part.publish();
      fsyncSync(folder.fd);
      removeJournal(plan);
    },
    async close(keep) {
      if (keep && version !== null && part.bytes > 0 && (await settle(part, mark()))) return await part.leave();
      // What is being written back meanwhile has nothing to note any more.
      dropped = true;
      try {
        removeJournal(plan);
      } finally {
        await part.close();
      }
    },
  };
}

interface Left {
  readonly part: PartFile;
  readonly hash: HashSink;
  readonly version: FileVersion;
}

async function takeUp(
  plan: ArtifactPlan,
  folder: Folder,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<Left | undefined> {
  const journal = readJournal(plan);
  if (journal === undefined) return undefined;
  const path = `${plan.target.path}.part`;
  const open = (): PartFile | undefined => reopenPartFile(folder, plan.target.fileName, journal.bytes, checkpoint);
  const part = onDisk(plan.source, path, "read", open);
  if (part === undefined) return undefined;
  const hash = createHashSink(plan.checksum?.type ?? DEFAULT_TYPE);
  let fits = false;
  try {
    fits = await rehash(part, hash, signal);
    fits &&= hash.peek().hex === journal.hex;
  } catch (error) {
    // A bad sector of the part file is no reason not to fetch it again.
    if (signal.aborted) throw error;
  } finally {
    if (!fits) await part.leave();
  }
  return fits ? { part, hash, version: journal.version } : undefined;
}

/** @returns false when the file became shorter meanwhile. @throws system errors, the signal's reason. */
async function rehash(part: PartFile, hash: HashSink, signal: AbortSignal): Promise<boolean> {
  const buffer = Buffer.alloc(READ_BYTES);
  for (let position = 0; position < part.bytes; ) {
    // Lets a cancellation in between.
    await setImmediate();
    signal.throwIfAborted();
    const count = part.read(buffer, position);
    if (count === 0) return false;
    hash.write(buffer.subarray(0, Math.min(count, part.bytes - position)));
    position += count;
  }
  return true;
}

/** Reads at a time. */
const READ_BYTES = 1 << 20;

function absorb({ source }: ArtifactPlan, part: PartFile, hash: HashSink, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - part.bytes));
  while (part.bytes < end) {
    const count = Math.min(part.read(buffer, part.bytes), end - part.bytes);
    if (count === 0) throw artifactError(source, "the part file was cut while it was written");
    hash.write(buffer.subarray(0, count));
    part.advance(count);
  }
}

/** @returns whether bytes and journal are on the disk. */
async function settle(part: PartFile, noted: () => void): Promise<boolean> {
  try {
    // Parts that were under way when it ended lie behind a gap.
    part.trim();
    await part.sync();
    noted();
    return true;
  } catch {
    return false;
  }
}

/** A journal that cannot be written costs a later try its beginning, never this one. */
function note(plan: ArtifactPlan, journal: Parameters<typeof writeJournal>[1]): void {
  try {
    writeJournal(plan, journal);
  } catch {
    removeJournal(plan);
  }
}
