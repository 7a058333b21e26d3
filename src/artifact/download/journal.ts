import { createHash } from "node:crypto";
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import * as v from "valibot";
import { readUntrusted } from "../../base/files.ts";
import { ValidatorSchema } from "../../cache/source.ts";
import { downloadJournal } from "../../paths.ts";
import type { ArtifactPlan } from "../plan.ts";
import type { FileVersion } from "../source/version.ts";
import type { MarkedIsland } from "./islands.ts";
import { requestOf } from "./request.ts";

/** How far a file has come whose rest may be fetched later. */
export interface Journal {
  readonly version: FileVersion;
  /** Bytes that are on the disk. */
  readonly bytes: number;
  /** Hash of those bytes, of the plan's type. */
  readonly hex: string;
  /** What lies further on, behind a gap, and is on the disk as well. */
  readonly islands: readonly MarkedIsland[];
}

const FORMAT = 1;

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

const schema = v.object({
  format: v.literal(FORMAT),
  request: v.string(),
  version: v.object({
    validator: ValidatorSchema,
    total: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  }),
  bytes,
  hex: v.string(),
});

const islandSchema = v.object({ start: bytes, end: bytes, hex: v.string() });

/** More of them than several connections make, which work their way through a file in its order. */
const MOST_ISLANDS = 256;

const LONGEST = 64 << 10;

/** @returns what an earlier try of the same request wrote down; undefined when there is nothing that can be used. */
export function readJournal(plan: ArtifactPlan): Journal | undefined {
  try {
    const text = readUntrusted(journalPath(plan), LONGEST)?.toString("utf8");
    if (text === undefined) return undefined;
    const [first = "", ...rest] = text.split("\n");
    const found = v.safeParse(schema, JSON.parse(first));
    if (!found.success || found.output.request !== requestOf(plan)) return undefined;
    return { ...found.output, islands: rest.flatMap(readIsland) };
  } catch {
    return undefined;
  }
}

function readIsland(line: string): readonly MarkedIsland[] {
  try {
    const found = v.safeParse(islandSchema, JSON.parse(line));
    return found.success && found.output.start < found.output.end ? [found.output] : [];
  } catch {
    return [];
  }
}

/** The first line is filled up with spaces to so many, so that it covers an earlier one and begins and ends in one page. */
const RECORD_CHARACTERS = 4096;

/**
 * Writes over the journal in place: a new file and a rename take 4 ms more each time (measured on ext4). A power cut may leave an older one,
 * none or a torn one, and behind the islands there may be some of an earlier record: each line stands for itself, and the hash in it decides
 * what its bytes are worth.
 * @throws system errors.
 */
export function writeJournal(plan: ArtifactPlan, { islands, ...front }: Journal): void {
  const record = JSON.stringify({ format: FORMAT, request: requestOf(plan), ...front });
  const lines = islands.slice(0, MOST_ISLANDS).map((island) => `${JSON.stringify(island)}\n`);
  const fd = openSync(journalPath(plan), constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, [record.padEnd(RECORD_CHARACTERS - 1), "\n", ...lines].join(""), 0);
  } finally {
    closeSync(fd);
  }
}

/** None is fine. */
export function removeJournal(plan: ArtifactPlan): void {
  rmSync(journalPath(plan), { force: true, recursive: true });
}

function journalPath({ target }: ArtifactPlan): string {
  const name = JSON.stringify([...target.folders, target.fileName]);
  return downloadJournal(target.root, createHash("sha256").update(name).digest("hex").slice(0, 16));
}
