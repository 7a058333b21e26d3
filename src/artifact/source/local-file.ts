import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
} from "node:fs";
import { join, normalize } from "node:path/posix";
import { AppError, errnoOf } from "../../base/errors.ts";
import { O_PATH, procPath } from "../../base/files.ts";
import { escapeControls } from "../../base/text.ts";
import type { Validator } from "../../cache/source.ts";
import { artifactError } from "../failure.ts";
import { decodePart } from "./magic.ts";
import type { SourcePlan } from "./plan.ts";

/** A file of this host that a job may have, open for reading. */
export interface LocalFile {
  readonly fd: number;
  readonly size: number;
  /** Bytes that it takes on its disk, less than its size when it has holes. */
  readonly allocated: number;
  /** Tells whether it is still the same file with the same bytes. */
  readonly validator: Validator;
}

/**
 * Opens the file that a plan names and decides about the very file that was opened, by its real path: a name that is swapped afterwards
 * changes nothing.
 * @returns a descriptor that the caller closes.
 * @throws AppError `fetch` when it is not in one of the configuration's directories, or no regular file.
 */
export function openLocalFile(plan: SourcePlan): LocalFile {
  if (plan.via.kind !== "file") throw new AppError("internal", `${plan.source} is no file of this host`);
  const path = decodePart(new URL(plan.url).pathname, "path");
  const { roots } = plan.via;
  if (roots.length === 0) throw outside(plan, path, roots);
  const handle = openHandle(plan, path, roots);
  try {
    const real = readlinkSync(procPath(handle));
    // Bytes that are no UTF-8 are read as this character, and two names could look the same.
    if (!real.startsWith("/") || real.includes("\ufffd")) throw outside(plan, path, roots);
    assertNamed(plan, real, plan.via, path);
    const stats = fstatSync(handle, { bigint: true });
    if (!stats.isFile()) {
      throw artifactError(plan.source, `expected a regular file, found a ${kindOf(stats)}`, "name one file");
    }
    if (stats.nlink === 0n) throw artifactError(plan.source, "the file was removed while it was opened");
    const fd = openSync(procPath(handle), constants.O_RDONLY | constants.O_NONBLOCK);
    return { fd, size: Number(stats.size), allocated: allocatedOf(stats), validator: validatorOf(stats) };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw artifactError(plan.source, `cannot be read: ${errnoOf(error) ?? "unknown error"}`, READABLE, error);
  } finally {
    closeSync(handle);
  }
}

/**
 * @param real the real path of what a job names. @param path what it is called there.
 * @throws AppError `fetch` unless the configuration names a directory of it, or when it is the agent's own.
 */
export function assertNamed(
  plan: SourcePlan,
  real: string,
  { roots, agentDirs }: { readonly roots: readonly string[]; readonly agentDirs: readonly string[] },
  path: string = real,
): void {
  if (!isInOneOf(real, roots)) throw outside(plan, path, roots);
  if (!isInOneOf(real, agentDirs)) return;
  throw artifactError(plan.source, "it is in the agent's own directories", "jobs may have none of these");
}

/**
 * Judges the file or the repository of this host that a plan names before it is wanted: by its real path, or by its name where nothing is
 * there yet. Other sources pass.
 * @throws AppError `fetch` as `assertNamed`.
 */
export function assertMayHave(plan: SourcePlan): void {
  const url = new URL(plan.url);
  if (plan.via.kind !== "file" && (plan.via.kind !== "git" || url.protocol !== "file:")) return;
  const path = decodePart(url.pathname, "path");
  assertNamed(plan, realPathOf(path), plan.via, path);
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return normalize(path);
  }
}

/** What the file's validator would be by now; another one when somebody wrote to it meanwhile. */
export function lookAgain(fd: number): Validator {
  return validatorOf(fstatSync(fd, { bigint: true }));
}

/** The whole text of a short file. @throws AppError `fetch` when it is longer. */
export function readLocalText(plan: SourcePlan, longest: number): string {
  const { fd, size } = openLocalFile(plan);
  try {
    if (size > longest) throw artifactError(plan.source, `expected at most ${longest} bytes, found ${size}`);
    const buffer = Buffer.alloc(size);
    let filled = 0;
    for (let count = 1; count > 0 && filled < size; filled += count)
      count = readSync(fd, buffer, filled, size - filled, filled);
    return buffer.toString("utf8", 0, filled);
  } finally {
    closeSync(fd);
  }
}

const READABLE = "the agent must be able to read it";

function openHandle(plan: SourcePlan, path: string, roots: readonly string[]): number {
  try {
    return openSync(path, O_PATH);
  } catch (error) {
    // Whether a file exists where nobody may look is not said.
    if (!roots.some((root) => isUnder(normalize(root), normalize(path)))) throw outside(plan, path, roots);
    const code = errnoOf(error) ?? "unknown error";
    const message = code === "ENOENT" || code === "ENOTDIR" ? "no such file" : `cannot be opened: ${code}`;
    throw artifactError(plan.source, message, READABLE, error);
  }
}

function isInOneOf(real: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    try {
      return isUnder(realpathSync(root), real);
    } catch {
      // A directory that is not mounted now allows nothing.
      return false;
    }
  });
}

/** Component by component: `/tmpfile` is not under `/tmp`. A repository may be such a directory itself. */
function isUnder(root: string, path: string): boolean {
  return path === root || path.startsWith(join(root, "/"));
}

function outside(plan: SourcePlan, path: string, roots: readonly string[]): AppError {
  const list = roots.length === 0 ? "is empty" : `has ${roots.map((root) => JSON.stringify(root)).join(", ")}`;
  return artifactError(
    plan.source,
    `${escapeControls(path)} is not in a directory of client.artifact.file_paths, which ${list}`,
    "add its directory there in the agent's configuration, or serve the file over http://",
  );
}

function allocatedOf({ size, blocks }: BigIntStats): number {
  return Math.min(Number(size), Number(blocks) * 512);
}

function validatorOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Validator {
  return { kind: "etag", value: `"file-${[dev, ino, size, mtimeNs, ctimeNs].join("-")}"` };
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return "directory";
  if (stats.isBlockDevice() || stats.isCharacterDevice()) return "device";
  return stats.isFIFO() ? "FIFO" : "socket";
}
