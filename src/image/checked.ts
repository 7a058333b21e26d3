/** An image that was looked at and may be given to QEMU: what was checked is what is opened, by its descriptor. */
export interface CheckedImage {
  /** As the job file has it, after interpolation. */
  readonly name: string;
  /** The real path it was found under, without symbolic links; for messages only. */
  readonly realPath: string;
  readonly format: "raw" | "qcow2";
  /** Bytes the guest sees. */
  readonly virtualSize: number;
  /** Device and inode, to know the same file again. */
  readonly identity: { readonly dev: number; readonly ino: number };
  /** Open descriptors of this process; the holder of the value closes them. */
  readonly readWriteFd: number;
  readonly readOnlyFd: number;
}
