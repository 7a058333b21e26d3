import { basename, isAbsolute, join, normalize, relative } from "node:path";
import { AppError } from "../base/errors.ts";
import type { Artifact } from "../job/job.ts";
import type { TaskDirs } from "../paths.ts";

/** Where a file goes: names below one directory that is trusted, so that each step can be opened without following a link. */
export interface Target {
  /** Absolute: the allocation directory. */
  readonly root: string;
  /** Directories below it, outermost first; none is `..`. */
  readonly folders: readonly string[];
  readonly fileName: string;
  /** All of it, for messages and for whoever uses the file. */
  readonly path: string;
}

/** Longest file name of Linux's file systems, in bytes, less the suffix of the part file. */
const MAX_NAME = 255 - ".part".length;

/**
 * The file that an artifact becomes. A relative destination counts from the task directory, an absolute one outside of the
 * allocation too (Nomad's `ClientPath`); `..` is taken lexically and may not leave the allocation directory.
 * @param fileName the name that mode `any` gives the file inside the destination; may hold slashes.
 * @throws AppError `invalid`.
 */
export function resolveTarget(
  artifact: Pick<Artifact, "destination" | "mode">,
  dirs: TaskDirs,
  fileName: string,
): Target {
  const destination = artifact.destination === "" ? "local/" : artifact.destination;
  const wanted = JSON.stringify(destination);
  const folder = resolveDestination(destination, dirs);
  if (artifact.mode === "file") {
    if (/(^|\/)\.{0,2}$/.test(destination)) {
      throw new AppError("invalid", `destination ${wanted}: mode = "file" needs the name of a file, found a directory`);
    }
    return checkTarget(folder, dirs, `destination ${wanted}`);
  }
  if (!isInside(dirs.alloc, folder)) throw escapes(`destination ${wanted}`);
  if (fileName.split(/[/\\]/).includes("..")) throw escapes(`filename ${JSON.stringify(fileName)}`);
  const name = `file name ${JSON.stringify(fileName)}`;
  if (/(^|\/)\.?$/.test(fileName)) throw new AppError("invalid", `${name}: expected the name of a file`);
  return checkTarget(join(folder, fileName), dirs, name);
}

/**
 * The directory that an archive is unpacked into, and the file in it that holds the archive until then.
 * @throws AppError `invalid`.
 */
export function resolveArchiveTarget(
  artifact: Pick<Artifact, "destination">,
  dirs: TaskDirs,
  fileName: string,
): Target {
  const destination = artifact.destination === "" ? "local/" : artifact.destination;
  const folder = resolveDestination(destination, dirs);
  if (!isInside(dirs.alloc, folder)) throw escapes(`destination ${JSON.stringify(destination)}`);
  return checkTarget(join(folder, fileName), dirs, `destination ${JSON.stringify(destination)}`);
}

function resolveDestination(destination: string, dirs: TaskDirs): string {
  const absolute = normalize(destination);
  return isAbsolute(destination) && isInside(dirs.alloc, absolute) ? absolute : join(dirs.task, destination);
}

function checkTarget(path: string, dirs: TaskDirs, what: string): Target {
  if (!isInside(dirs.alloc, path)) throw escapes(what);
  const names = relative(dirs.alloc, path).split("/");
  const fileName = names.at(-1) ?? "";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) throw new AppError("invalid", `${what} holds a control character`);
  if (names.some((name) => Buffer.byteLength(name) > MAX_NAME)) {
    throw new AppError("invalid", `${what}: a name in it is longer than ${MAX_NAME} bytes`);
  }
  // Below every task directory: what the agent believes about a machine must not come from a download.
  if (names[1] === basename(dirs.machine)) {
    throw new AppError("invalid", `${what}: ${basename(dirs.machine)} belongs to the agent`);
  }
  const [first = ""] = names;
  if (first.startsWith(".") && first !== basename(dirs.task)) {
    throw new AppError(
      "invalid",
      `${what}: names that begin with a dot belong to the agent in the allocation directory`,
    );
  }
  return { root: dirs.alloc, folders: names.slice(0, -1), fileName, path: join(dirs.alloc, ...names) };
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}

function escapes(what: string): AppError {
  return new AppError("invalid", `${what} leads out of the allocation directory`, {
    hint: "a destination counts from the task directory; local/ is the place for images",
  });
}
