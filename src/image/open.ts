import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, type Stats } from "node:fs";
import { basename, isAbsolute, join, normalize, relative } from "node:path";
import { AppError, errnoOf } from "../base/errors.ts";
import { O_PATH, procPath } from "../base/files.ts";
import { escapeControls } from "../base/text.ts";
import { taskDirs } from "../paths.ts";
import type { BootDisk, CheckedImage, ReadableImage } from "./checked.ts";
import { type ImageKind, readImage, refuseImage } from "./readable.ts";

export interface ImageRequest {
  /** `config.image_path` after interpolation; a relative one counts from the task directory. */
  readonly imagePath: string;
  /** Absolute. */
  readonly taskDir: string;
  /** Absolute; holds the task directory. */
  readonly allocDir: string;
  /** `image_paths` of the agent's configuration; all absolute. */
  readonly imagePaths: readonly string[];
  /**
   * True where the machine can write its allocation's directory and the agent can more than the machine: no link in it may lead out,
   * not even to what a job may name, which another machine's disk may be.
   */
  readonly closed?: boolean;
  /** What the file of that inode was taken for at an earlier start; another file is looked at anew. */
  readonly known?: { readonly ino: number; readonly kind: ImageKind } | undefined;
  /** The other tasks of the allocation: their directories are their machines', which a link of this one's may lead to. */
  readonly siblings?: readonly string[] | undefined;
  /** A file of the agent's own, which it has linked into the allocation: that one may have several names. */
  readonly linked?: ReadableImage["identity"] | undefined;
}

/** The agent's own directory below each task directory. */
const MACHINE_DIR = basename(taskDirs({ dataDir: "/", runDir: "/" }, "", "").machine);

/**
 * Opens an image for reading and decides about the very file that was opened: its real path, its kind, its header. A swap of the name
 * afterwards changes nothing, and nothing is opened by name again.
 * @returns a descriptor that the caller closes.
 * @throws AppError `image` saying what was expected and found; `invalid` for a name or a configuration that cannot be.
 */
export function findImage(request: ImageRequest): ReadableImage {
  if (process.platform !== "linux") {
    throw new AppError("unsupported", `images are opened on Linux only, found ${process.platform}`);
  }
  const path = locate(request);
  const allowed = resolveAllowed(request);
  const handle = openHandle(request, path, allowed);
  try {
    const stats = fstatSync(handle);
    const realPath = realPathOf(request, handle, stats);
    checkPlace(request, path, realPath, stats, allowed);
    const fd = reopen(request.imagePath, handle, constants.O_RDONLY);
    try {
      const kind = request.known?.ino === stats.ino ? request.known.kind : undefined;
      return readImage({ name: request.imagePath, realPath, fd, kind });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } finally {
    closeSync(handle);
  }
}

/** Opens an image that was found for writing, too. @throws AppError `image`; what is open stays the caller's. */
export function openForWriting(image: ReadableImage): CheckedImage {
  return { ...image, readWriteFd: reopen(image.name, image.readOnlyFd, constants.O_RDWR) };
}

/** Opens an image for writing, too. @throws AppError `image`, and then the image is closed. */
export function openOrClose(image: ReadableImage): CheckedImage {
  try {
    return openForWriting(image);
  } catch (error) {
    closeImage(image);
    throw error;
  }
}

/** Gives back the descriptors of an image or a disk. */
export function closeImage(image: ReadableImage & Partial<Pick<BootDisk, "readWriteFd" | "base">>): void {
  if (image.readWriteFd != null) closeSync(image.readWriteFd);
  closeSync(image.readOnlyFd);
  if (image.base != null) closeImage(image.base);
}

/** Real paths of the places where an image may lie. */
interface Allowed {
  readonly alloc: string;
  readonly imagePaths: readonly string[];
}

function locate({ imagePath, taskDir }: ImageRequest): string {
  if (imagePath === "") throw new AppError("invalid", "image_path must be set");
  if (/[\u0000-\u001f\u007f]/.test(imagePath)) {
    throw new AppError("invalid", `image_path ${JSON.stringify(imagePath)} holds a control character`);
  }
  // Not normalised: what `..` behind a link means is for the kernel to say, and for the real path to judge.
  return isAbsolute(imagePath) ? imagePath : `${taskDir}/${imagePath}`;
}

function resolveAllowed({ allocDir, imagePaths }: ImageRequest): Allowed {
  const real: string[] = [];
  for (const entry of imagePaths) {
    if (!isAbsolute(entry)) {
      throw new AppError("invalid", `image_paths: expected an absolute path, found ${JSON.stringify(entry)}`);
    }
    try {
      real.push(realpathSync(entry));
    } catch (error) {
      // An entry for a disk that is not mounted now allows nothing.
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return { alloc: realPathOr(allocDir), imagePaths: real };
}

/** Of an allocation that is only foreseen there is nothing yet. */
function realPathOr(dir: string): string {
  try {
    return realpathSync(dir);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return dir;
    throw error;
  }
}

function openHandle(request: ImageRequest, path: string, allowed: Allowed): number {
  try {
    return openSync(path, O_PATH);
  } catch (error) {
    const code = errnoOf(error) ?? "unknown error";
    const asWritten = normalize(path);
    const roots = [request.allocDir, allowed.alloc, ...request.imagePaths, ...allowed.imagePaths];
    // Whether a file exists where nobody may look is not said.
    if (!roots.some((root) => isUnder(root, asWritten))) throw outside(request, asWritten);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw refuse(
        request,
        `no such file; looked at ${escapeControls(asWritten)}`,
        "an image may come from an artifact block, or lie under image_paths",
        error,
      );
    }
    throw refuse(request, `cannot open ${escapeControls(asWritten)}: ${code}`, undefined, error);
  }
}

function realPathOf(request: ImageRequest, handle: number, stats: Stats): string {
  const path = readlinkSync(procPath(handle));
  // Bytes that are no UTF-8 are read as this character, and two names could look the same.
  if (path.includes("\ufffd")) throw refuse(request, "its real path is no valid UTF-8");
  if (stats.nlink === 0 || !path.startsWith("/")) throw refuse(request, "the file was removed while it was opened");
  return path;
}

function checkPlace(request: ImageRequest, path: string, realPath: string, stats: Stats, allowed: Allowed): void {
  const inAlloc = isUnder(allowed.alloc, realPath);
  const inImagePaths = allowed.imagePaths.some((root) => isUnder(root, realPath));
  if (!inAlloc && !inImagePaths) {
    if (!isUnder(request.allocDir, normalize(path))) throw outside(request, realPath);
    throw refuse(request, `a symbolic link to the outside (${escapeControls(realPath)})`, OUTSIDE_HINT);
  }
  const namedInAlloc = [request.allocDir, allowed.alloc].some((root) => isUnder(root, normalize(path)));
  if (!inAlloc && request.closed === true && namedInAlloc) {
    throw refuse(request, `a symbolic link out of the allocation (${escapeControls(realPath)})`, LINK_HINT);
  }
  if (!stats.isFile()) throw refuse(request, `expected a regular file, found a ${kindOf(stats)}`, kindHint(stats));
  if (!inAlloc) return;
  const [first = "", second] = relative(allowed.alloc, realPath).split("/");
  if (second === MACHINE_DIR) throw refuse(request, `${MACHINE_DIR} belongs to the agent`);
  if (request.siblings?.includes(first)) throw refuse(request, `a file of task "${first}"`, SIBLING_HINT);
  const { linked } = request;
  const isOurs = linked !== undefined && linked.ino === stats.ino && linked.dev === stats.dev;
  if (stats.nlink > 1 && !inImagePaths && !isOurs) {
    const found = `a file with ${stats.nlink} names (hard links), which may be a file of the host's`;
    throw refuse(request, found, "copy the image into the task directory instead of linking it");
  }
}

const OUTSIDE_HINT =
  "let an artifact put the image into local/, or add its directory to image_paths in the agent's configuration";

const SIBLING_HINT = "let an artifact of this task's own bring the image: machines of one group share no files";

const LINK_HINT = "the machine could have made it: name the file itself in image_path";

function outside(request: ImageRequest, path: string): AppError {
  const list = request.imagePaths.length === 0 ? "is empty" : `has ${request.imagePaths.map(quote).join(", ")}`;
  const message = `${escapeControls(path)} is neither in the allocation directory nor under image_paths, which ${list}`;
  return refuse(request, message, OUTSIDE_HINT);
}

/** Opens the same inode again, whatever its name means by now. */
function reopen(name: string, handle: number, flags: number): number {
  try {
    return openSync(procPath(handle), flags);
  } catch (error) {
    const wanted = flags === constants.O_RDWR ? "writable" : "readable";
    const hint =
      flags === constants.O_RDWR
        ? 'the agent must be able to write to it; with disk = "overlay" it is only read'
        : "the agent must be able to read it";
    throw refuseImage(
      name,
      `the file is not ${wanted} for the agent: ${errnoOf(error) ?? "unknown error"}`,
      hint,
      error,
    );
  }
}

/** Component by component: `/tmpfile` is not under `/tmp`. */
function isUnder(root: string, path: string): boolean {
  return path === root || path.startsWith(join(root, "/"));
}

/** What a file is that is no regular one. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "directory";
  if (stats.isBlockDevice()) return "block device";
  if (stats.isCharacterDevice()) return "character device";
  if (stats.isFIFO()) return "FIFO";
  return "socket";
}

/** What to do about it. */
export function kindHint(stats: Stats): string {
  if (stats.isDirectory()) return "name the image file in it";
  if (stats.isBlockDevice()) return "devices are not supported as images; copy the device into a file";
  return "name an image file";
}

function quote(text: string): string {
  return JSON.stringify(escapeControls(text));
}

function refuse(request: ImageRequest, message: string, hint?: string, cause?: unknown): AppError {
  return refuseImage(request.imagePath, message, hint, cause);
}
