import { fstatSync, readSync } from "node:fs";
import type { Inspection } from "./inspection.ts";
import { inspectQcow2 } from "./qcow2.ts";

/** Bytes from the start that hold every signature we know. */
const HEAD_BYTES = 4096;

/** Bytes at the end where VHD and DMG have theirs. */
const TAIL_BYTES = 512;

const SECTOR = 512;

/** The name of a CD-ROM's first volume descriptor, which stands in sector 16 behind one byte (ECMA-119, 8.1). */
const ISO_9660 = { at: 16 * 2048 + 1, name: "CD001" } as const;

const CONVERT = "convert it on a machine that you trust it on: qemu-img convert -O qcow2 OLD NEW.qcow2";

type Recognise = (head: Buffer, tail: Buffer) => boolean;

const startsWith =
  (signature: string, offset = 0): Recognise =>
  (head) =>
    head.subarray(offset, offset + signature.length).equals(Buffer.from(signature, "latin1"));

const endsWith =
  (signature: string): Recognise =>
  (_, tail) =>
    tail.subarray(0, signature.length).equals(Buffer.from(signature, "latin1"));

/** Formats that QEMU would recognise and that are not run here: most can name other files of the host. */
const REFUSED: readonly (readonly [name: string, recognise: Recognise, format: string])[] = [
  ["a qcow (version 1) image", startsWith("QFI\xfb\0\0\0\x01"), "qcow"],
  ["a VMDK image", startsWith("KDMV"), "vmdk"],
  ["a VMDK image", startsWith("COWD"), "vmdk"],
  ["a VMDK descriptor", isVmdkDescriptor, "vmdk"],
  ["a VDI image", startsWith("\x7f\x10\xda\xbe", 64), "vdi"],
  ["a VHD image", startsWith("conectix"), "vpc"],
  ["a VHD image", endsWith("conectix"), "vpc"],
  ["a VHDX image", startsWith("vhdxfile"), "vhdx"],
  ["a QED image", startsWith("QED\0"), "qed"],
  ["a LUKS container", startsWith("LUKS\xba\xbe"), "luks"],
  ["a Parallels image", startsWith("WithoutFreeSpace"), "parallels"],
  ["a Parallels image", startsWith("WithouFreSpacExt"), "parallels"],
  ["a DMG image", endsWith("koly"), "dmg"],
  ["a Bochs image", startsWith("Bochs Virtual HD Image"), "bochs"],
  ["a cloop image", startsWith("#!/bin/sh\n#V2.0 Format"), "cloop"],
];

/**
 * Tells an image's format by its own header, reading nothing that the header points to outside of the file.
 * Raw is what no other format claims.
 * @param fd a regular file, open for reading; its position does not matter and does not change.
 */
export function inspectHeader(fd: number): Inspection {
  const { size } = fstatSync(fd);
  if (size === 0) return refuse("an empty file", "was the image fetched or copied whole?");
  // Places behind this are no exact numbers any more; no file system holds so much data.
  if (size > Number.MAX_SAFE_INTEGER) return refuse("a file of more than 8 PiB", "was it made with a size by mistake?");
  const head = readAt(fd, 0, HEAD_BYTES);
  const tail = size < TAIL_BYTES ? Buffer.alloc(0) : readAt(fd, size - TAIL_BYTES, TAIL_BYTES);
  const refused = REFUSED.find(([, recognise]) => recognise(head, tail));
  if (refused !== undefined) return refuse(refused[0], CONVERT, refused[2]);
  if (!startsWith("QFI\xfb")(head, tail)) {
    const iso = readAt(fd, ISO_9660.at, ISO_9660.name.length).toString("latin1") === ISO_9660.name;
    return { format: "raw", virtualSize: rawSize(size), ...(iso && { cdrom: true }) };
  }
  return inspectQcow2({ size, read: (offset, length) => readAt(fd, offset, length) });
}

function refuse(found: string, hint: string, recognised: string | null = null): Inspection {
  return { format: "refused", found, hint, recognised };
}

/** Bytes that a guest sees of a raw file: QEMU counts a last, unfinished sector as a whole one. */
export const rawSize = (bytes: number): number => Math.ceil(bytes / SECTOR) * SECTOR;

/** Reads from a place in a regular file. @returns fewer bytes at the end of the file. */
export function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/** A text file that lists extents; comments and blank lines may come before its version, as QEMU's own probe allows. */
function isVmdkDescriptor(head: Buffer): boolean {
  const text = head.toString("latin1");
  if (/^# *disk *descriptorfile/i.test(text)) return true;
  for (const line of text.split("\n")) {
    if (/^version=\d/.test(line)) return true;
    if (!line.startsWith("#") && line.trim() !== "") return false;
  }
  return false;
}
