import { createHash } from "node:crypto";
import { basename } from "node:path";
import { ARCHIVE_WORDS, type ArchiveFormat, archiveFormat, archiveSuffix } from "../../archive/formats.ts";
import { withoutSuffix } from "../../archive/names.ts";
import { AppError } from "../../base/errors.ts";
import { orList } from "../../base/text.ts";
import type { Artifact } from "../../job/job.ts";
import type { TaskDirs } from "../../paths.ts";
import { resolveArchiveTarget, resolveTarget, type Target } from "../target.ts";

/** What happens to an archive once it is there and proved. Plain data: it travels to a Worker. */
export interface UnpackPlan {
  readonly format: ArchiveFormat;
  /** What its one file is called in the directory where the archive lies; null when all its entries go there. */
  readonly fileName: string | null;
  /** That file, or that directory. */
  readonly path: string;
  /** A directory beside the archive that holds what is not all there yet. */
  readonly stagingName: string;
  /** The agent's own directory in a task's, which no entry may touch. */
  readonly agentName: string;
  /** What of the archive is wanted, by the names of its path, in which `*` and `?` stand for any characters; null for all of it. */
  readonly subdir: readonly string[] | null;
}

interface Named {
  /** Last part of the URL's path. */
  readonly fileName: string;
  readonly url: string;
  readonly archive?: string | undefined;
  readonly filename?: string | undefined;
  readonly subdir: readonly string[] | null;
}

/** What Go's `strconv.ParseBool` takes for false. */
const FALSE_WORDS = ["0", "f", "F", "false", "False", "FALSE"];

/**
 * Decides whether a file is unpacked and what becomes of it: by the `archive` option, else by its name (go-getter, NOMAD.md 3.3). A
 * file that is only compressed becomes the file without the suffix, where go-getter wants `mode = "file"`.
 * @returns null when it stays as it is.
 * @throws AppError `invalid` for options that contradict each other.
 */
export function planUnpacking(
  artifact: Artifact,
  dirs: TaskDirs,
  named: Named,
): { readonly target: Target; readonly unpack: UnpackPlan } | null {
  const word = archiveWord(named);
  const format = word === undefined ? undefined : archiveFormat(word);
  if (named.subdir !== null && format?.container !== "tar" && format?.container !== "zip") {
    throw new AppError(
      "invalid",
      "the source names a subdirectory (// in its path) of something that is no archive of files",
      {
        hint: 'write the path with single slashes, or say what it is: archive = "tar.gz" in options',
      },
    );
  }
  if (word === undefined || format === undefined) return null;
  const place = resolvePlace(artifact, dirs, named, word, format);
  const { root, folders } = place;
  const id = createHash("sha256")
    .update([named.url, place.path, ...(named.subdir ?? [])].join("\n"))
    .digest("hex")
    .slice(0, 12);
  const fileName = `.archive-${id}`;
  const target = { root, folders, fileName, path: [root, ...folders, fileName].join("/") };
  const unpack = {
    format,
    fileName: place.fileName,
    path: place.path,
    stagingName: `.unpacked-${id}`,
    agentName: basename(dirs.machine),
    subdir: named.subdir,
  };
  return { target, unpack };
}

function archiveWord({ archive, fileName }: Named): string | undefined {
  if (archive === undefined) return archiveSuffix(fileName);
  if (FALSE_WORDS.includes(archive)) return undefined;
  if (archiveFormat(archive) !== undefined) return archive;
  const known = orList(["false", ...ARCHIVE_WORDS]);
  throw new AppError("invalid", `archive: expected ${known}, found ${JSON.stringify(archive)}`);
}

interface Place {
  readonly root: string;
  readonly folders: readonly string[];
  readonly fileName: string | null;
  readonly path: string;
}

function resolvePlace(artifact: Artifact, dirs: TaskDirs, named: Named, word: string, format: ArchiveFormat): Place {
  if (artifact.mode === "file") return resolveTarget(artifact, dirs, "");
  if (format.container === "single") {
    if (artifact.mode === "dir") {
      throw new AppError("invalid", `mode = "dir" needs an archive of files, and ${word} is one compressed file`, {
        hint: 'leave mode out to put it into the destination directory, or mode = "file" to name the file itself',
      });
    }
    return resolveTarget(artifact, dirs, named.filename ?? withoutSuffix(named.fileName, word));
  }
  if (named.filename !== undefined) {
    throw new AppError("invalid", `filename names one file, and ${word} is an archive of files`, {
      hint: 'mode = "file" with a destination names the file of an archive that holds one',
    });
  }
  const { root, folders } = resolveArchiveTarget(artifact, dirs, ".archive");
  return { root, folders, fileName: null, path: [root, ...folders].join("/") };
}
