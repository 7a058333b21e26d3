import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { hexOf } from "./hash.ts";

/** The whole disk of the demo guest as it is before a boot: its image, and the room behind it where it counts its boots. */
export function demoDisk(): Buffer<ArrayBuffer> {
  const disk = Buffer.alloc(DEMO_DISK_BYTES);
  disk.set(demoImage());
  return disk;
}

/** Hex digits. */
export const DEMO_DISK_SHA256 = hexOf(demoDisk());
