import type { EntryKey } from "../../cache/key.ts";
import type { Acquired } from "../download/download.ts";

/** What came out of an archive. */
export interface UnpackedNow {
  readonly files: number;
  readonly bytes: number;
  readonly millis: number;
}

/** A file that is in the cache, whole and proved. Plain data: it comes from a Worker. */
export interface Brought {
  readonly key: EntryKey;
  readonly bytes: number;
  /** `type:hex`. */
  readonly checksum: string;
  /** True when it was there already, and nothing was fetched. */
  readonly cached: boolean;
  /** As `Acquired` has it. */
  readonly resumed: number;
  readonly millis: number;
  /** Null when nothing had to be unpacked for the cache. */
  readonly unpacked: UnpackedNow | null;
  /** What keeps the entry until `unpin`; null where the file system cannot. */
  readonly pin: string | null;
}

/** An artifact that is there; `path` is the file, or the directory that an archive was unpacked into. */
export interface Fetched extends Acquired {
  /** True when its bytes were in the cache already, and nothing was fetched. */
  readonly cached: boolean;
  /** Null when the file stayed as it was fetched, or had been unpacked before. */
  readonly unpacked: UnpackedNow | null;
  /**
   * The file that nobody is to write to, and its entry's checksum: the cache's own, which `path` is another name of, or `path` itself where
   * that cannot have one; null where `path` is for whoever asked to do with as they like.
   */
  readonly linked: { readonly path: string; readonly checksum: string } | null;
}

/**
 * How a file gets from the cache to its destination: as another name of the cache's own file, which nobody may write to, or as a copy.
 * A file that cannot have another name there becomes a copy too.
 */
export type Placing = "link" | "own";
