import { basename } from "node:path";
import * as v from "valibot";
import { writeNew } from "../base/files.ts";
import type { Log } from "../base/log.ts";
import { lstat } from "../logs/files.ts";
import type { MachineFiles } from "../paths.ts";
import { readMachineFile } from "./file-ends.ts";
import type { MachinePlace } from "./machine-place.ts";

/** More than any command line makes it. */
const MOST_BYTES = 1 << 20;

const BegunSchema = v.object({ file: v.string(), size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

/** Where a log stood when a start began: what is before belongs to an earlier one. */
const IntentSchema = v.object({
  bootId: v.string(),
  /** Absent in what a former version wrote. */
  logs: v.optional(v.object({ stdout: BegunSchema, stderr: BegunSchema })),
});
export type Intent = v.InferOutput<typeof IntentSchema>;

/**
 * Says on disk, before anything runs, what is about to be started.
 * @param start with the files that its logs go on in. @param files of this start, as `withMachineFiles` lends them.
 */
export function writeIntent(
  start: Pick<MachinePlace, "generation" | "stdout" | "stderr">,
  files: Pick<MachineFiles, "intent">,
  bootId: string,
  argv: readonly string[],
): void {
  const logs = { stdout: standOf(start.stdout), stderr: standOf(start.stderr) };
  const intent = { bootId, generation: start.generation, argv, logs };
  // Not synced: it tells of this start as long as the host is up, and the store has said durably that it is about to happen.
  writeNew(files.intent, `${JSON.stringify(intent, null, 1)}\n`);
}

function standOf(path: string): v.InferOutput<typeof BegunSchema> {
  return { file: basename(path), size: lstat(path)?.size ?? 0 };
}

/** What a start was meant to be; null when there is none, or something else was planted in its place. */
export async function readIntent(place: MachinePlace, log: Log): Promise<Intent | null> {
  const bytes = await readMachineFile(place, "intent", MOST_BYTES, log);
  try {
    const read = v.safeParse(IntentSchema, JSON.parse(bytes.toString("utf8")));
    return read.success ? read.output : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
