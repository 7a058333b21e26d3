import { closeSync, constants, fstatSync, openSync, type Stats, statSync } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";
import { inspectHeader, readAt } from "./header.ts";
import { kindHint, kindOf } from "./open.ts";
import { describeQcow2, type Qcow2Facts } from "./qcow2-facts.ts";

/** What there is to know of an image file without running it. Names in it may hold any character. */
export interface ImageDescription {
  /** QEMU's word for the format, `raw` for what no other format claims; null when a job may not use it and nothing else is known. */
  readonly format: string | null;
  /** True for an ISO 9660 file system: it boots as a CD-ROM that is only read, unless the job says how it is written to. */
  readonly cdrom?: true;
  /** Bytes the guest sees; null where only the format's own program could tell. */
  readonly virtualSize: number | null;
  /** Bytes from its beginning to its end. */
  readonly fileSize: number;
  /** Bytes that it takes on the disk: holes take none. */
  readonly diskSize: number;
  readonly qcow2: Qcow2Facts | null;
  /** Why a job may not use it (`found` follows "expected a raw or qcow2 image, found") and what to do; null when it may. */
  readonly refused: { readonly found: string; readonly hint: string } | null;
}

/** What `stat` counts blocks in (POSIX leaves it open, Linux and macOS have 512 bytes). */
const BLOCK = 512;

/**
 * Looks at an image file of the caller's as a job would have it: by its header alone, opening nothing that it names. Never waits for
 * what is no regular file.
 * @throws AppError `not_found`; `image` when it is no regular file or cannot be read.
 */
export function describeImage(path: string): ImageDescription {
  const name = escapeControls(path);
  refuseKind(
    name,
    attempt(name, () => statSync(path)),
  );
  // The name may stand for something else by now: opening a FIFO must not wait for its other end.
  const fd = attempt(name, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  try {
    const stats = fstatSync(fd);
    refuseKind(name, stats);
    return attempt(name, () => describeOpen(fd, stats));
  } finally {
    closeSync(fd);
  }
}

/** @param fd a regular file, open for reading. */
function describeOpen(fd: number, { size, blocks }: Stats): ImageDescription {
  const inspection = inspectHeader(fd);
  const sizes = { fileSize: size, diskSize: blocks * BLOCK };
  const format = inspection.format === "refused" ? inspection.recognised : inspection.format;
  const read = (offset: number, length: number): Buffer => readAt(fd, offset, length);
  const qcow2 = format === "qcow2" ? describeQcow2({ size, read }) : null;
  if (inspection.format !== "refused") {
    const { virtualSize, cdrom } = inspection;
    return { format, virtualSize, ...(cdrom && { cdrom }), ...sizes, qcow2, refused: null };
  }
  const { found, hint } = inspection;
  return { format, virtualSize: qcow2?.virtualSize ?? null, ...sizes, qcow2, refused: { found, hint } };
}

function refuseKind(name: string, stats: Stats): void {
  if (stats.isFile()) return;
  throw new AppError("image", `${name}: expected a regular file, found a ${kindOf(stats)}`, { hint: kindHint(stats) });
}

function attempt<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === "ENOENT" || code === "ENOTDIR") throw new AppError("not_found", `no such file: ${name}`);
    throw new AppError("image", `cannot read ${name}: ${code}`, { cause: error });
  }
}
