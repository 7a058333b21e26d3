import { type Allocation, isTerminal } from "../../allocation/allocation.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes, formatDuration, MILLISECOND, utcTime } from "../../base/units.ts";
import type { GarbageLimits } from "../../config/agent-config.ts";
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
      const kept = retentionText(garbage, ended ? allocation : undefined);
      const size = bytes === 0 ? "" : `, ${formatBytes(bytes)}`;
      const disk = `the disk of task "${task}" (allocation ${shortId(allocation.id)}${size}, ${path})`;
      if (discard) told.push(`${disk} is removed ${ended ? "now" : "once its machine has ended"}`);
      else if (garbage.diskRetentionMillis === 0) told.push(`${disk} is removed with the next garbage collection`);
      else told.push(`${disk} is kept ${kept}${ended ? "" : " after its machine has ended"}`);
    }
  }
  return told;
}

/** For how long a disk is kept whose place is nobody's: `for 168h`, or until when. @param ended undefined while its machine runs. */
export function retentionText({ diskRetentionMillis }: GarbageLimits, ended: Allocation | undefined): string {
  if (diskRetentionMillis === 0) return "until garbage is collected";
  if (ended !== undefined) {
    const ends = Object.values(ended.tasks).map(({ machine }) => (machine.kind === "ended" ? machine.ending.at : 0));
    return `until ${utcTime(Math.max(...ends) + diskRetentionMillis)}`;
  }
  return `for ${formatDuration(diskRetentionMillis * MILLISECOND).replace(/(?<=h)0m0s$|(?<=m)0s$/, "")}`;
}
