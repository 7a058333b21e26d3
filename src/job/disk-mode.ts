import { parseBytes } from "../base/units.ts";

/**
 * How a machine's boot disk stands to the image: `overlay` keeps what the guest writes in a file of its own and leaves the image as it
 * is, `copy` is a copy of it for this allocation, `direct` is the image itself.
 */
export const DISK_MODES = ["overlay", "copy", "direct"] as const;
export type DiskMode = (typeof DISK_MODES)[number];

const SECTOR = 512;

/** Bytes of a `disk_size`; undefined when it is none that a disk can have. */
export function readDiskSize(text: string): number | undefined {
  const bytes = parseBytes(text);
  return bytes !== undefined && bytes >= SECTOR && bytes % SECTOR === 0 ? bytes : undefined;
}
