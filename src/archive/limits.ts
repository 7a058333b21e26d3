import { formatBytes } from "../base/units.ts";
import { archiveError } from "./failure.ts";

/** What an archive may cost. */
export interface Limits {
  /** Files, links and directories, also those that only a name implies. */
  readonly entries: number;
  /** Bytes that come out of the decompressor. */
  readonly bytes: number;
  /** How many times its own size an archive may become, holes that the archive knows of left out; nothing is said below `ratioFrom`. */
  readonly ratio: number;
  /** In bytes. */
  readonly ratioFrom: number;
  /** Length of all files with their holes, in bytes. */
  readonly length: number;
}

/**
 * Nomad allows 4096 files and 100 GB, and has no ratio. The ratio lets a mostly empty disk through and stops gzip's best, 1030 : 1;
 * the length is what ext4 allows one file.
 */
export const DEFAULT_LIMITS: Limits = {
  entries: 100_000,
  bytes: 100e9,
  ratio: 500,
  ratioFrom: 1 << 30,
  length: 16 * 2 ** 40,
};

/** Counts against the limits. @throws AppError when one is passed. */
export interface Budget {
  entry(): void;
  bytes(count: number): void;
  length(bytes: number): void;
}

/** @param archiveBytes length of the archive itself. */
export function createBudget(limits: Limits, archiveBytes: number): Budget {
  let entries = 0;
  let bytes = 0;
  let length = 0;
  return {
    entry() {
      if (++entries > limits.entries) throw archiveError(`more than ${limits.entries} entries`, SPLIT);
    },
    bytes(count) {
      bytes += count;
      if (bytes > limits.bytes) throw archiveError(`more than ${formatBytes(limits.bytes)} come out of it`, SPLIT);
      if (bytes > limits.ratioFrom && bytes > archiveBytes * limits.ratio) {
        const found = `${formatBytes(archiveBytes)} become more than ${limits.ratio} times as much`;
        throw archiveError(found, "a mostly empty disk belongs into a tar made with --sparse, or into a qcow2 image");
      }
    },
    length(more) {
      length += more;
      if (length > limits.length) throw archiveError(`its files are longer than ${formatBytes(limits.length)}`, SPLIT);
    },
  };
}

const SPLIT = "make it smaller; a limit guards the host against archives made to fill it";
