/** One thing in an archive, as its reader found it; nothing about it is checked but its kind. */
export interface Entry {
  /** Valid UTF-8; may be anything else. */
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number;
  /** Seconds since 1970, null when the archive does not say. */
  readonly mtime: number | null;
  /** Length in bytes with its holes; 0 for what is no file. */
  readonly size: number;
  /** What a link points to; empty for what is no link. */
  readonly link: string;
  /**
   * The content of a file without its holes, in order of offset. To be taken once, before the next entry is asked for; what is not
   * taken is skipped.
   */
  readonly content: AsyncIterable<Extent>;
}

/** Bytes of a file, and where they stand in it. */
export interface Extent {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Chunks that follow each other without a hole. */
export async function* asExtents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Extent> {
  let offset = 0;
  for await (const bytes of chunks) {
    yield { offset, bytes };
    offset += bytes.length;
  }
}
