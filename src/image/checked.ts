import type { DiskMode } from "../job/disk-mode.ts";

/** An image that was looked at and may be given to QEMU: what was checked is what is opened, by its descriptor. */
export interface ReadableImage {
  /** As the job file has it, after interpolation. */
  readonly name: string;
  /** The real path it was found under, without symbolic links; for messages only. */
  readonly realPath: string;
  readonly format: "raw" | "qcow2";
  /** An ISO 9660 image: read as a CD-ROM, never written to. */
  readonly cdrom: boolean;
  /** Bytes the guest sees. */
  readonly virtualSize: number;
  /** Device and inode, to know the same file again. */
  readonly identity: { readonly dev: number; readonly ino: number };
  /** Open descriptor of this process; the holder of the value closes it, as the other one. */
  readonly readOnlyFd: number;
}

/** An image that is written to. */
export interface CheckedImage extends ReadableImage {
  readonly readWriteFd: number;
}

/** What a machine boots from. */
export interface BootDisk extends ReadableImage {
  readonly mode: DiskMode;
  /** Null for what nobody writes to. */
  readonly readWriteFd: number | null;
  /** The image that an overlay stands over; null for other disks. */
  readonly base: ReadableImage | null;
}
