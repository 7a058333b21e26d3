import { createHash } from "node:crypto";
import { renameSync, rmSync } from "node:fs";
import * as v from "valibot";
import { readUntrusted, writeNew } from "../base/files.ts";
import { downloadJournal } from "../paths.ts";
import { DEFAULT_TYPE } from "./checksum.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { FileVersion } from "./version.ts";

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
    validator: v.object({ kind: v.picklist(["etag", "date"]), value: v.string() }),
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

/**
 * Replaces the journal in one step. It is not synced: after a power cut an older one, none or a torn one is there, and the hash
 * in it decides what the part file is worth.
 * @throws system errors.
 */
export function writeJournal(plan: ArtifactPlan, journal: Journal): void {
  const path = journalPath(plan);
  writeNew(`${path}.new`, JSON.stringify({ format: FORMAT, request: requestOf(plan), ...journal }));
  renameSync(`${path}.new`, path);
}

/** None is fine. */
export function removeJournal(plan: ArtifactPlan): void {
  for (const path of [journalPath(plan), `${journalPath(plan)}.new`]) rmSync(path, { force: true });
}

function journalPath({ target }: ArtifactPlan): string {
  const name = JSON.stringify([...target.folders, target.fileName]);
  return downloadJournal(target.root, digest(name).slice(0, 16));
}

/**
 * What makes two requests ask for the same bytes, hashed since it holds secrets. Not our own name, which an upgrade changes; the
 * kind of checksum, because the journal's hash is of that kind.
 */
function requestOf({ url, headers, checksum }: ArtifactPlan): string {
  const others = Object.entries(headers).filter(([name]) => name !== "user-agent");
  return digest(JSON.stringify([url, others.sort(), checksum?.type ?? DEFAULT_TYPE]));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
