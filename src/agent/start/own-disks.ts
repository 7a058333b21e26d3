import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { AppError } from "../../base/errors.ts";
import { describeImage, type ImageDescription } from "../../image/describe.ts";
import type { TaskDirs } from "../../paths.ts";
import { readArguments } from "../../qemu/arguments.ts";
import { namedFiles } from "../../qemu/files.ts";

/** Formats of QEMU's whose images may name another file, besides qcow2, which says whether it does. */
const NAMING: ReadonlySet<string> = new Set(["vmdk", "qcow", "qed"]);

/**
 * Refuses disks that `args` name in the allocation and whose headers name other files: whoever made the artifact, or the guest that wrote
 * to it, would have QEMU open what the machine's user may read of the host. Disks elsewhere are the operator's, and open as in plain QEMU.
 * @throws AppError `image`.
 */
export function assertOwnDisks(args: readonly string[], { alloc, task }: Pick<TaskDirs, "alloc" | "task">): void {
  const root = `${realpathSync(alloc)}/`;
  for (const { index, path, followed } of namedFiles(readArguments(args))) {
    if (followed !== true) continue;
    const image = lookAt(resolve(task, path), root);
    if (image === null || !namesFiles(image)) continue;
    throw new AppError(
      "image",
      `config.args[${index}]: ${JSON.stringify(path)}: expected a disk that names no other file, found ${image.refused?.found}`,
      { hint: `${image.refused?.hint}; or have it taken as it is: -drive file=…,format=raw` },
    );
  }
}

function namesFiles({ format, qcow2 }: ImageDescription): boolean {
  return (qcow2 !== null && (qcow2.backingFile ?? qcow2.dataFile) !== null) || NAMING.has(format ?? "");
}

/** @returns null for what lies elsewhere, and for what cannot be looked at, which QEMU says in its own words. */
function lookAt(path: string, root: string): ImageDescription | null {
  try {
    return realpathSync(path).startsWith(root) ? describeImage(path) : null;
  } catch {
    return null;
  }
}
