import { fsyncSync, writeSync } from "node:fs";
import { AppError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { inspectHeader, readAt } from "./header.ts";
import type { Inspection } from "./inspection.ts";

/*
 * An empty qcow2 as QEMU's docs/interop/qcow2.txt has it: header, refcount table, one refcount block, L1 table, each from its own
 * cluster on. No cluster of the disk is there, so all of it is read from the backing file, which the command line names: the header
 * names none.
 */
const CLUSTER_BITS = 16;
const CLUSTER = 2 ** CLUSTER_BITS;
const HEADER_LENGTH = 104;
/** Refcounts of 16 bits. */
const REFCOUNT_ORDER = 4;
/** Bytes of the disk behind one entry of the L1 table: a cluster of 8-byte entries, a cluster each. */
const PER_L1_ENTRY = CLUSTER * (CLUSTER / 8);
const L1_PER_CLUSTER = CLUSTER / 8;
const L1_OFFSET = 3 * CLUSTER;
const SECTOR = 512;

/** Offsets of the fields that are looked at again. */
const AT = { version: 4, size: 24, l1Entries: 36, snapshots: 60, autoclear: 88 } as const;

/** The largest disk that an overlay is made for, in bytes: QEMU takes no L1 table of more than 32 MiB. */
export const MAX_OVERLAY_BYTES = ((32 << 20) / 8) * PER_L1_ENTRY;

/**
 * The bytes of an empty overlay. Its L1 table has whole clusters, so that a disk of up to 4 TiB grows by its header alone.
 * @param virtualSize bytes that the guest sees, a multiple of 512.
 * @throws AppError `image` for a size that none can have.
 */
export function overlayBytes(virtualSize: number): Uint8Array {
  assertSize(virtualSize);
  const l1Clusters = Math.ceil(l1Needed(virtualSize) / L1_PER_CLUSTER);
  const clusters = L1_OFFSET / CLUSTER + l1Clusters;
  const bytes = Buffer.alloc(clusters * CLUSTER);
  bytes.writeUInt32BE(0x514649fb, 0);
  bytes.writeUInt32BE(3, AT.version);
  bytes.writeUInt32BE(CLUSTER_BITS, 20);
  bytes.writeBigUInt64BE(BigInt(virtualSize), AT.size);
  bytes.writeUInt32BE(l1Clusters * L1_PER_CLUSTER, AT.l1Entries);
  bytes.writeBigUInt64BE(BigInt(L1_OFFSET), 40);
  bytes.writeBigUInt64BE(BigInt(CLUSTER), 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(REFCOUNT_ORDER, 96);
  bytes.writeUInt32BE(HEADER_LENGTH, 100);
  const refcountBlock = 2 * CLUSTER;
  bytes.writeBigUInt64BE(BigInt(refcountBlock), CLUSTER);
  for (let cluster = 0; cluster < clusters; cluster++) bytes.writeUInt16BE(1, refcountBlock + cluster * 2);
  return bytes;
}

/**
 * Reads the header of an overlay of ours again: the QEMU that had it may have written anything into it.
 * @param fd open for reading.
 */
export function inspectOverlay(fd: number): Inspection {
  const hint = "its QEMU has overwritten it; stop the job and run it again to start from the image anew";
  const inspection = inspectHeader(fd);
  if (inspection.format === "refused") return { ...inspection, hint };
  const version = readAt(fd, AT.version, 4);
  if (inspection.format !== "qcow2" || version.length < 4 || version.readUInt32BE() !== 3) {
    return { format: "refused", found: "a file that is no qcow2 of version 3", hint, recognised: null };
  }
  return inspection;
}

/** Whether nobody has written to an overlay since it was made. @param fd open for reading. @param size bytes of the file. */
export function isUntouched(fd: number, size: number): boolean {
  const head = readAt(fd, 0, HEADER_LENGTH);
  if (head.length < HEADER_LENGTH) return false;
  const virtualSize = head.readBigUInt64BE(AT.size);
  if (virtualSize > BigInt(MAX_OVERLAY_BYTES) || Number(virtualSize) % SECTOR !== 0 || virtualSize === 0n) return false;
  const made = overlayBytes(Number(virtualSize));
  return size === made.length && readAt(fd, 0, made.length).equals(made);
}

/**
 * Gives the disk of an overlay more bytes by its header alone; what is added reads as zeros. No QEMU may have it open.
 * @param fd open for reading and writing.
 * @throws AppError `image` when it would shrink, or is no overlay that can grow so.
 */
export function growOverlay(fd: number, virtualSize: number): void {
  assertSize(virtualSize);
  const inspection = inspectOverlay(fd);
  if (inspection.format === "refused") {
    throw new AppError("image", `the overlay is ${inspection.found}`, { hint: inspection.hint });
  }
  const now = inspection.virtualSize;
  if (virtualSize === now) return;
  const refuse = (why: string, hint?: string): AppError =>
    new AppError("image", `a disk of ${formatBytes(now)} cannot become one of ${formatBytes(virtualSize)}: ${why}`, {
      hint,
    });
  if (virtualSize < now) throw refuse("disks do not shrink", "leave disk_size as large as it was");
  const head = readAt(fd, 0, HEADER_LENGTH);
  if (head.readUInt32BE(AT.snapshots) > 0 || head.readBigUInt64BE(AT.autoclear) !== 0n) {
    throw refuse("its overlay has snapshots or bitmaps of its own", "remove them, or use qemu-img resize");
  }
  const l1Entries = head.readUInt32BE(AT.l1Entries);
  if (l1Needed(virtualSize) > l1Entries) {
    throw refuse(`its L1 table reaches to ${formatBytes(l1Entries * PER_L1_ENTRY)}`, "use qemu-img resize");
  }
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(virtualSize));
  writeSync(fd, size, 0, size.length, AT.size);
  fsyncSync(fd);
}

const l1Needed = (virtualSize: number): number => Math.ceil(virtualSize / PER_L1_ENTRY);

function assertSize(virtualSize: number): void {
  const fits = Number.isInteger(virtualSize) && virtualSize >= SECTOR && virtualSize <= MAX_OVERLAY_BYTES;
  if (fits && virtualSize % SECTOR === 0) return;
  throw new AppError(
    "image",
    `a disk has a multiple of ${SECTOR} bytes, up to ${formatBytes(MAX_OVERLAY_BYTES)}, found ${virtualSize}`,
  );
}
