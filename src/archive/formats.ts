/** How the bytes of a file are compressed. */
export type Compression = "none" | "gz" | "bz2" | "xz" | "zst";

/** What there is to unpack: a container of entries, or one file that is only compressed. */
export type ArchiveFormat =
  | { readonly container: "tar" | "single"; readonly compression: Compression }
  | { readonly container: "zip" };

const tar = (compression: Compression): ArchiveFormat => ({ container: "tar", compression });
const single = (compression: Compression): ArchiveFormat => ({ container: "single", compression });

/** go-getter's words for its decompressors (NOMAD.md 3.3), a suffix before those that it ends with. */
const FORMATS: Readonly<Record<string, ArchiveFormat>> = {
  "tar.bz2": tar("bz2"),
  "tar.zst": tar("zst"),
  "tar.gz": tar("gz"),
  "tar.xz": tar("xz"),
  tbz2: tar("bz2"),
  tzst: tar("zst"),
  tgz: tar("gz"),
  txz: tar("xz"),
  bz2: single("bz2"),
  tar: tar("none"),
  xz: single("xz"),
  zip: { container: "zip" },
  zst: single("zst"),
  gz: single("gz"),
};

/** What the `archive` option may say, in alphabetical order. */
export const ARCHIVE_WORDS: readonly string[] = Object.keys(FORMATS).sort();

/** The format of one of `ARCHIVE_WORDS`, or undefined. */
export function archiveFormat(word: string): ArchiveFormat | undefined {
  return Object.hasOwn(FORMATS, word) ? FORMATS[word] : undefined;
}

/** The suffix that makes go-getter unpack a file of this name, or undefined. */
export function archiveSuffix(fileName: string): string | undefined {
  return Object.keys(FORMATS).find((suffix) => fileName.endsWith(`.${suffix}`));
}
