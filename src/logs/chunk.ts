/** A piece of a log, as it is read. */
export interface LogChunk {
  /** Below the allocation directory: `alloc/logs/vm.stdout.0`. */
  readonly file: string;
  /** Where the data begins in that file, in bytes. */
  readonly offset: number;
  readonly data: Uint8Array;
  /** By when its last byte had been written, in milliseconds since 1970; only when it was asked for. */
  readonly time?: number;
  /** The time is the next one that is known, and may be much too late: nobody looked when this was written. */
  readonly inferred?: boolean;
}
