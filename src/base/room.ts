import { statfsSync } from "node:fs";
import { formatBytes } from "./units.ts";

/** What a download or an archive leaves free, in bytes: the agent's store and the disks of machines live on the same file system. */
const RESERVE_BYTES = 64 << 20;

/** On a small file system it is this share of it. */
const RESERVE_SHARE = 1 / 20;

/** Room of a file system, in bytes. */
export interface Room {
  readonly free: number;
  /** What of it is not for downloads. */
  readonly reserve: number;
}

/**
 * Looks at the file system that a path is on.
 * @returns undefined when it does not count its blocks.
 * @throws system errors.
 */
export function roomAt(path: string): Room | undefined {
  const { blocks, bavail, bsize } = statfsSync(path);
  if (blocks === 0) return undefined;
  return { free: bavail * bsize, reserve: Math.min(RESERVE_BYTES, Math.floor(blocks * bsize * RESERVE_SHARE)) };
}

/** What there is of it, for the message when it is too little. */
export function describeRoom({ free, reserve }: Room): string {
  return `free ${formatBytes(free)}, of which ${formatBytes(reserve)} are not for downloads`;
}

/** The hint when there is too little of it. */
export const MAKE_ROOM = "make room in the agent's data_dir";
