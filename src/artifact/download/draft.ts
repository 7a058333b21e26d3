import { fsyncSync } from "node:fs";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { type Checksum, DEFAULT_TYPE } from "../../cache/checksum.ts";
import { onDisk } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { FileVersion } from "../source/version.ts";
import { createIslands, type Island, type Islands } from "./islands.ts";
import { removeJournal, writeJournal } from "./journal.ts";
import { type Checkpoint, createPartFile, type PartFile } from "./part.ts";
import { absorb, takeUp } from "./resume.ts";
import { createHashSink, type HashSink, type Sink } from "./sink.ts";

/** What is there of an artifact that is not whole yet: part file, hash and journal, which always agree. */
export interface Draft extends Sink {
  /** From the beginning, without a gap. */
  readonly bytes: number;
  /** What lies behind a gap, in the file's order. */
  readonly islands: readonly Island[];
  /** `bytes`, and those of the islands. */
  readonly there: number;
  /** What the bytes are a beginning of; null when the rest of it cannot be asked for. */
  readonly version: FileVersion | null;
  /** Writes bytes that come before those in front of them: an island, until `absorb` hashes them in the file's order. */
  ahead(chunk: Uint8Array, position: number): void;
  /** Takes in the islands before which there is no gap any more. */
  absorb(): void;
  /** Drops the islands. @returns how many bytes they had. */
  trim(): number;
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

/**
 * Takes up what an earlier try left, or begins with nothing.
 * @throws AppError `fetch` of the disk, or the signal's reason.
 */
export async function openDraft(plan: ArtifactPlan, folder: Folder, signal: AbortSignal): Promise<Draft> {
  const type = plan.checksum?.type ?? DEFAULT_TYPE;
  let held: Held;
  const notes = createNotes(plan, () => held);
  const begin = (): PartFile => {
    removeJournal(plan);
    return createPartFile(folder, plan.target.fileName, notes.markSeldom);
  };
  held = (await takeUp(plan, folder, notes.markSeldom, signal)) ?? {
    part: onDisk(plan.source, partPath(plan), "create", begin),
    hash: createHashSink(type),
    islands: createIslands(type),
    version: null,
  };
  return draftOf(plan, folder, held, notes);
}

/** What a draft is made of. */
interface Held {
  readonly part: PartFile;
  hash: HashSink;
  readonly islands: Islands;
  version: FileVersion | null;
}

function draftOf(plan: ArtifactPlan, folder: Folder, held: Held, notes: Notes): Draft {
  const { part, islands } = held;
  const path = partPath(plan);
  return {
    get bytes() {
      return part.bytes;
    },
    get islands() {
      return islands.all;
    },
    get there() {
      return part.bytes + islands.bytes;
    },
    get version() {
      return held.version;
    },
    write(chunk) {
      const [next] = islands.all;
      if (next !== undefined && part.bytes + chunk.length > next.start) {
        throw new AppError("internal", "a part of a download came twice");
      }
      // The hash first: a checkpoint that the write begins speaks of both.
      held.hash.write(chunk);
      const howFar = (): string => `after ${formatBytes(part.bytes)}`;
      onDisk(plan.source, path, "write", () => part.write(chunk), howFar);
    },
    ahead(chunk, position) {
      islands.add(chunk, position);
      onDisk(plan.source, path, "write", () => part.ahead(chunk, position));
    },
    absorb() {
      onDisk(plan.source, path, "read", () => absorb(plan, part, held.hash, islands));
    },
    trim() {
      const { bytes } = islands;
      islands.clear();
      if (bytes > 0) onDisk(plan.source, path, "write", () => part.trim());
      return bytes;
    },
    async startOver(next) {
      held.version = null;
      islands.clear();
      await part.clear();
      onDisk(plan.source, path, "write", () => removeJournal(plan));
      held.hash = createHashSink(plan.checksum?.type ?? DEFAULT_TYPE);
      held.version = next;
    },
    digest: () => held.hash.digest(),
    sync: () => part.sync(),
    publish() {
      part.publish();
      fsyncSync(folder.fd);
      removeJournal(plan);
    },
    async close(keep) {
      if (keep && held.version !== null && part.bytes > 0 && (await settle(part, notes.mark())))
        return await part.leave();
      notes.drop();
      try {
        removeJournal(plan);
      } finally {
        await part.close();
      }
    },
  };
}

/** Keeps the journal. */
interface Notes {
  readonly mark: Checkpoint;
  /** Does nothing where the journal was written a moment ago. */
  readonly markSeldom: Checkpoint;
  /** What is being written back meanwhile has nothing to note any more. */
  drop(): void;
}

/** The journal is written so often at the most: on ext4 it costs 6 ms each time, in the way of the download's bytes. */
const NOTE_MILLIS = 1000;

function createNotes(plan: ArtifactPlan, holding: () => Held): Notes {
  let dropped = false;
  let notedAt = monotonicMillis();
  const mark = (): (() => void) => {
    const { part, hash, islands, version } = holding();
    if (version === null || part.bytes === 0) return () => undefined;
    const journal = { version, bytes: part.bytes, hex: hash.peek().hex, islands: islands.mark() };
    return () => {
      if (!dropped) note(plan, journal);
    };
  };
  return {
    mark,
    markSeldom() {
      if (monotonicMillis() - notedAt < NOTE_MILLIS) return () => undefined;
      notedAt = monotonicMillis();
      return mark();
    },
    drop() {
      dropped = true;
    },
  };
}

const partPath = ({ target }: ArtifactPlan): string => `${target.path}.part`;

/** @returns whether bytes and journal are on the disk. */
async function settle(part: PartFile, noted: () => void): Promise<boolean> {
  try {
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
