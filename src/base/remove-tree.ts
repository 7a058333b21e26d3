import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { errnoOf } from "./errors.ts";
import { O_PATH, procPath } from "./files.ts";
import { newId } from "./ids.ts";
import { unescapeMount } from "./text.ts";

/** What became of a directory that was to go. */
export interface RemovedTree {
  /** Names that went, directories among them. */
  readonly names: number;
  /** Bytes on the disk that nothing else has a name of. */
  readonly bytes: number;
  /** Why something is still there, for people, with names as they are: not fit for a terminal. Null when all is gone. */
  readonly trouble: string | null;
}

/** Deeper directories are brought up to the top first: neither descriptors nor the stack grow with what somebody has nested. */
const MOST_LEVELS = 32;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const OWNER_ALL = 0o700;

interface Removal {
  readonly root: number;
  readonly device: number;
  /** Names below `root` of directories that were brought up. */
  readonly raised: Buffer[];
  names: number;
  bytes: number;
  trouble: string | null;
}

/**
 * Removes a directory that somebody hostile may have filled, with names that are no text and directories that nobody may enter among
 * them. No link is followed, no other file system is entered, and nothing is touched where anything is mounted. What cannot be removed is
 * told and everything around it goes. Blocks on the disk.
 * @param path absolute; its own parents are not the hostile one's to change. Nothing is done when it is not there.
 */
export function removeTree(path: string): RemovedTree {
  const untouched = (trouble: string | null): RemovedTree => ({ names: 0, bytes: 0, trouble });
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return untouched(null);
  if (!stats.isDirectory()) return untouched(`${path} is no directory`);
  const mounted = mountsBelow(path);
  if (mounted.length > 0) return untouched(`something is mounted at ${mounted.join(", ")}`);
  const root = enter(Buffer.from(path), stats);
  const removal: Removal = { root, device: stats.dev, raised: [], names: 0, bytes: 0, trouble: null };
  try {
    empty(removal, root, 0);
    for (let name = removal.raised.pop(); name !== undefined; name = removal.raised.pop()) {
      removeEntry(removal, root, name, 0);
    }
  } finally {
    closeSync(root);
  }
  if (removal.trouble === null)
    attempt(
      removal,
      () => path,
      () => rmdirSync(path),
    );
  const { names, bytes, trouble } = removal;
  return { names, bytes, trouble };
}

function empty(removal: Removal, fd: number, level: number): void {
  // Names are bytes to the kernel, and what is no UTF-8 would not be found again as text.
  for (const name of readdirSync(procPath(fd), { encoding: "buffer" })) removeEntry(removal, fd, name, level);
}

function removeEntry(removal: Removal, parent: number, name: Buffer, level: number): void {
  const place = inside(parent, name);
  const where = (): string => `${readlinkSync(procPath(parent))}/${name.toString()}`;
  attempt(removal, where, () => {
    const stats = lstatSync(place);
    if (!stats.isDirectory()) {
      unlinkSync(place);
      if (stats.nlink === 1) removal.bytes += stats.blocks * 512;
    } else if (stats.dev !== removal.device) {
      throw new Error("another file system begins there");
    } else if (level >= MOST_LEVELS) {
      raise(removal, place, stats);
      return;
    } else {
      removeDirectory(removal, place, stats, level);
      removal.bytes += stats.blocks * 512;
    }
    removal.names++;
  });
}

function removeDirectory(removal: Removal, place: Buffer, stats: Stats, level: number): void {
  const fd = enter(place, stats);
  try {
    empty(removal, fd, level + 1);
  } finally {
    closeSync(fd);
  }
  rmdirSync(place);
}

/** Who owns a directory may not enter it, and may not move it, before its mode says so. */
function enter(place: Buffer, stats: Stats): number {
  if ((stats.mode & OWNER_ALL) !== OWNER_ALL) allowOwner(place);
  const fd = openSync(place, DIRECTORY);
  if (fstatSync(fd).dev === stats.dev) return fd;
  closeSync(fd);
  throw new Error("another file system begins there");
}

function allowOwner(place: Buffer): void {
  const fd = openSync(place, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    chmodSync(procPath(fd), OWNER_ALL);
  } finally {
    closeSync(fd);
  }
}

function raise({ root, raised }: Removal, place: Buffer, stats: Stats): void {
  if ((stats.mode & OWNER_ALL) !== OWNER_ALL) allowOwner(place);
  const name = Buffer.from(`.${newId()}`);
  renameSync(place, inside(root, name));
  raised.push(name);
}

function attempt(removal: Removal, where: () => string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return;
    // The directory above is not empty because of what was told already.
    if (code === "ENOTEMPTY" && removal.trouble !== null) return;
    removal.trouble ??= `${where()}: ${code ?? String(error instanceof Error ? error.message : error)}`;
  }
}

const inside = (fd: number, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${procPath(fd)}/`), name]);

/** Where something is mounted at or below a directory; a directory of the same file system may be, which no device number tells. */
function mountsBelow(path: string): string[] {
  const real = realpathSync(path);
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescapeMount(line.split(" ")[4] ?? ""))
    .filter((point) => point === real || point.startsWith(`${real}/`));
}
