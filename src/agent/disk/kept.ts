import { isTerminal } from "../../allocation/allocation.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes, formatDuration, MILLISECOND, utcTime } from "../../base/units.ts";
import type { AgentContext } from "../context.ts";
import { findLeftDisks } from "./left.ts";

/** Allocations of a job that are looked at, the newest: nobody reads more. */
const MOST_LOOKED_AT = 20;

/** What becomes of the disks of a job that is about to be purged: a sentence for each that a guest has written to. */
export async function tellKeptDisks(
  { store, dirs, garbage }: Pick<AgentContext, "store" | "dirs" | "garbage">,
  jobId: string,
  { discard }: { readonly discard: boolean },
): Promise<string[]> {
  const told: string[] = [];
  for (const allocation of store.allocations({ jobId }).slice(-MOST_LOOKED_AT)) {
    for (const { task, path, bytes } of await findLeftDisks({ store, dirs }, allocation)) {
      const ended = isTerminal(allocation);
      const ends = Object.values(allocation.tasks).map(({ machine }) =>
        machine.kind === "ended" ? machine.ending.at : 0,
      );
      const until = Math.max(...ends) + garbage.diskRetentionMillis;
      const span = formatDuration(garbage.diskRetentionMillis * MILLISECOND).replace(/(?<=h)0m0s$|(?<=m)0s$/, "");
      const size = bytes === 0 ? "" : `, ${formatBytes(bytes)}`;
      const disk = `the disk of task "${task}" (allocation ${shortId(allocation.id)}${size}, ${path})`;
      if (discard) told.push(`${disk} is removed ${ended ? "now" : "once its machine has ended"}`);
      else if (garbage.diskRetentionMillis === 0) told.push(`${disk} is removed with the next garbage collection`);
      else if (ended) told.push(`${disk} is kept until ${utcTime(until)}`);
      else told.push(`${disk} is kept for ${span} after its machine has ended`);
    }
  }
  return told;
}
