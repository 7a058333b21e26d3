import { rmSync } from "node:fs";
import type { Folder } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";

/**
 * Removes the archive and what is half unpacked; nothing there is fine.
 * @param keepArchive leaves the archive itself for a later try, which knows it by its checksum.
 * @throws system errors.
 */
export function discardUnpacked(plan: ArtifactPlan, folder: Folder, keepArchive = false): void {
  if (plan.unpack === null) return;
  if (!keepArchive) rmSync(folder.at(plan.target.fileName), { force: true });
  rmSync(folder.at(plan.unpack.stagingName), { force: true, recursive: true });
}
