import { constants } from "node:fs";
import * as v from "valibot";
import { CountSchema } from "./scalars.ts";

/** What the wire tells of a file. */
export interface LookedAtFile {
  readonly name: string;
  /** As stat has it. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifyTime: number;
  readonly contentType?: string | undefined;
}

/** Nomad's `AllocFileInfo`, of `GET /v1/client/fs/{ls,stat}/:alloc`. */
export const FileInfoSchema = v.object({
  Name: v.string(),
  IsDir: v.boolean(),
  Size: CountSchema,
  /** As Go writes it: `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`. */
  FileMode: v.pipe(v.string(), v.regex(/^[-dLDcpSugt]+[-r][-w][-x][-r][-w][-x][-r][-w][-x]$/)),
  ModTime: v.pipe(v.string(), v.isoTimestamp()),
  /** By its first bytes; of files alone, and not in lists. */
  ContentType: v.optional(v.string()),
});
export type WireFileInfo = v.InferOutput<typeof FileInfoSchema>;

export function writeFileInfo({ name, mode, size, modifyTime, contentType }: LookedAtFile): WireFileInfo {
  return {
    Name: name,
    IsDir: kindOf(mode) === constants.S_IFDIR,
    Size: size,
    FileMode: writeMode(mode),
    ModTime: new Date(modifyTime).toISOString(),
    ...(contentType === undefined ? {} : { ContentType: contentType }),
  };
}

const kindOf = (mode: number): number => mode & constants.S_IFMT;

const KINDS: Readonly<Record<number, string>> = {
  [constants.S_IFDIR]: "d",
  [constants.S_IFLNK]: "L",
  [constants.S_IFBLK]: "D",
  [constants.S_IFCHR]: "Dc",
  [constants.S_IFIFO]: "p",
  [constants.S_IFSOCK]: "S",
};

/** A mode as Go's `os.FileMode` is written. */
function writeMode(mode: number): string {
  const special = [0o4000, 0o2000, 0o1000].map((bit, at) => ((mode & bit) === 0 ? "" : "ugt"[at])).join("");
  const rights = [..."rwxrwxrwx"].map((letter, at) => ((mode & (0o400 >> at)) === 0 ? "-" : letter)).join("");
  return `${(KINDS[kindOf(mode)] ?? "") + special || "-"}${rights}`;
}
