import { createHash } from "node:crypto";
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import * as v from "valibot";
import { readUntrusted } from "../base/files.ts";
import { ValidatorSchema } from "../cache/source.ts";
import { downloadJournal } from "../paths.ts";
import type { ArtifactPlan } from "./plan.ts";
import { requestOf } from "./request.ts";
import type { FileVersion } from "./source/version.ts";

/** How far a file has come whose rest may be fetched later. */
export interface Journal {
  readonly version: FileVersion;
  /** Bytes that are on the disk. */
  readonly bytes: number;
  /** Hash of those bytes, of the plan's type. */
  readonly hex: string;
}

const FORMAT = 1;

const schema = v.object({
  format: v.literal(FORMAT),
  request: v.string(),
  version: v.object({
    validator: ValidatorSchema,
    total: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  }),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  hex: v.string(),
});

const LONGEST = 8192;

/** @returns what an earlier try of the same request wrote down; undefined when there is nothing that can be used. */
export function readJournal(plan: ArtifactPlan): Journal | undefined {
  try {
    const text = readUntrusted(journalPath(plan), LONGEST)?.toString("utf8");
    if (text === undefined) return undefined;
    const found = v.safeParse(schema, JSON.parse(text));
    return found.success && found.output.request === requestOf(plan) ? found.output : undefined;
  } catch {
    return undefined;
  }
}

/** Every record of a journal is so long, filled up with spaces, so that a later one covers all of an earlier one. */
const RECORD_CHARACTERS = 4096;

/**
 * Writes over the journal in place: a new file and a rename take 4 ms more each time (measured on ext4). A power cut may leave an older one, none or a torn one; the hash in it decides what the part file is worth.
 * @throws system errors.
 */
export function writeJournal(plan: ArtifactPlan, journal: Journal): void {
  const record = JSON.stringify({ format: FORMAT, request: requestOf(plan), ...journal });
  const fd = openSync(journalPath(plan), constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, record.padEnd(RECORD_CHARACTERS), 0);
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
