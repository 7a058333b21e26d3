/** What QEMU says of the disk for which a guest stands still in `io-error`. */
export interface DiskFault {
  /** QEMU's name of the disk, without control characters; null when it named none. */
  readonly device: string | null;
  /** QEMU's words (`BlockDeviceIoStatus`): no room for what is written, or any other failure; `unknown` when it said neither. */
  readonly status: "nospace" | "failed" | "unknown";
}

/** A guest that stands still because its disk could not be written. */
export interface Standstill extends DiskFault {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Somebody paused it meanwhile: it does not go on by itself when there is room. */
  readonly held: boolean;
  /** Its beginning is in the history, and so its end will be. */
  readonly told: boolean;
}
