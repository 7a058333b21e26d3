import { type DiskRecord, readDiskRecord } from "../../image/disk-record.ts";
import type { DiskFiles } from "../../paths.ts";
import type { LaunchPlan } from "../../qemu/launch.ts";

/** The files about a disk, and how people may see them. */
interface Files {
  readonly files: Pick<DiskFiles, "record">;
  readonly shown: Pick<DiskFiles, "record">;
}

/**
 * What is recorded of the disk of a task whose last start in the store is `last`. The store counts first: a disk in place has a file beside it only for people, and
 * for what asks when it was decided.
 * @returns undefined when there is none. @throws AppError `image` for one that cannot be read.
 */
export function findRecord(
  last: Pick<LaunchPlan, "image"> | undefined,
  { files, shown }: Files,
): DiskRecord | undefined {
  return last?.image?.record ?? readDiskRecord(files.record, shown.record);
}
