import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { removeJournal } from "../download/journal.ts";
import { removePart } from "../download/part.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";

/** Removes what is half unpacked; nothing there is fine. @throws system errors. */
export function discardUnpacked(plan: ArtifactPlan, folder: Folder): void {
  if (plan.unpack !== null) rmSync(folder.at(plan.unpack.stagingName), { force: true, recursive: true });
}

/**
 * Removes what a former version left at the destination of a download that did not come to its end: it fetched files there. What is
 * half copied or unpacked goes too.
 * @throws system errors.
 */
export async function discardFormer(plan: ArtifactPlan, folder: Folder): Promise<void> {
  removeJournal(plan);
  removePart(folder, plan.target.fileName);
  if (plan.unpack === null) return;
  for (const name of [plan.target.fileName, plan.unpack.stagingName]) {
    await rm(folder.at(name), { force: true, recursive: true });
  }
}
