import { type DiskRecord, readDiskRecord } from "../../image/disk-record.ts";
import type { DiskFiles } from "../../paths.ts";
import type { Store } from "../../state/store.ts";

/** The files about a disk, and how people may see them. */
interface Files {
  readonly files: Pick<DiskFiles, "record">;
  readonly shown: Pick<DiskFiles, "record">;
}

/**
 * What is recorded of the disk of an allocation's task. The store counts first: a disk in place has a file beside it only for people, and
 * for what asks when it was decided.
 * @returns undefined when there is none. @throws AppError `image` for one that cannot be read.
 */
export function findRecord(
  store: Pick<Store, "lastLaunch">,
  { allocationId, task }: { readonly allocationId: string; readonly task: string },
  { files, shown }: Files,
): DiskRecord | undefined {
  return store.lastLaunch(allocationId, task)?.image?.record ?? readDiskRecord(files.record, shown.record);
}
