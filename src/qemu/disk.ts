import { AppError } from "../base/errors.ts";
import { nearestName, orList } from "../base/text.ts";
import type { BootDisk } from "../image/checked.ts";
import type { LaunchPlan, Word } from "./launch.ts";
import { quote } from "./quote.ts";

/** `config.drive_interface`, Nomad's list. */
export const DRIVE_INTERFACES = ["ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none"] as const;
export type DriveInterface = (typeof DRIVE_INTERFACES)[number];

/** Descriptors of the boot disk in QEMU; 3 is the wrapper's status file, 6 its control group. */
export const DISK_FDS = { readWrite: 4, readOnly: 5, base: 7 } as const;

/** Sets of descriptors, which QEMU takes for files of these names. */
const DISK_SET = 1;
const BASE_SET = 2;
const pathOf = (set: number): string => `/dev/fdset/${set}`;

/** What the words of a boot disk follow from. */
export type DiskInput = Pick<BootDisk, "format"> &
  Partial<Pick<BootDisk, "cdrom" | "mode">> & { readonly base?: Pick<BootDisk, "format"> | null };

/** The numbers that a disk's descriptors have in QEMU. */
export function diskFds({ cdrom = false, base = null }: DiskInput): NonNullable<LaunchPlan["disk"]> {
  const { readWrite, readOnly } = DISK_FDS;
  return { readWrite: cdrom ? null : readWrite, readOnly, ...(base !== null && { base: DISK_FDS.base }) };
}

/** Boards of QEMU 7.2 without a SCSI controller but with PCI to put one on; `if=scsi` alone is an error there. */
const BARE_OF_SCSI = /^(pc|q35|virt)(-|$)/;

/** @throws AppError `invalid` for a word that is not in the list. */
export function driveInterface(text: string): DriveInterface {
  const found = DRIVE_INTERFACES.find((known) => known === text);
  if (found !== undefined) return found;
  const near = nearestName(text, DRIVE_INTERFACES);
  throw new AppError(
    "invalid",
    `config.drive_interface: expected ${orList(DRIVE_INTERFACES)}, found ${JSON.stringify(text)}`,
    {
      hint: near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`,
    },
  );
}

/**
 * The boot disk: a `-drive` with `id=image0`, so that `args` may refer to it as under Nomad, of a fixed format, over descriptors
 * of files that were checked. An overlay's base is pinned here, whatever its header names.
 */
export function bootDiskWords(disk: DiskInput, text: string, machineType: string): readonly Word[] {
  const wanted = driveInterface(text);
  const addsController = wanted === "scsi" && BARE_OF_SCSI.test(machineType);
  const drive = driveOption(disk, addsController ? "none" : wanted);
  const attribute = disk.base == null ? DISK_ATTRIBUTES : OVERLAY_ATTRIBUTES;
  const device = disk.cdrom ? "scsi-cd" : "scsi-hd";
  return [
    ...descriptorWords(disk),
    ...["-drive", drive].map((word): Word => ({ word, origin: { kind: "job", attribute } })),
    ...(addsController
      ? paddock("this machine type has no SCSI controller of its own", "-device", "virtio-scsi-pci,id=paddock-scsi")
      : []),
    ...(addsController
      ? paddock("the boot disk on that controller", "-device", `${device},bus=paddock-scsi.0,drive=image0`)
      : []),
  ];
}

const DISK_ATTRIBUTES = "config.image_path and config.drive_interface";
const OVERLAY_ATTRIBUTES = "config.image_path, config.disk and config.drive_interface";

const paddock = (why: string, ...words: readonly string[]): readonly Word[] =>
  words.map((word) => ({ word, origin: { kind: "paddock", why } }));

function descriptorWords(disk: DiskInput): readonly Word[] {
  const { readWrite, readOnly, base } = diskFds(disk);
  const what = disk.base == null ? "the boot disk as it was checked" : "the boot disk, what the guest has written";
  const add = (why: string, fd: number | null | undefined, set: number): readonly Word[] =>
    fd == null ? [] : paddock(why, "-add-fd", `fd=${fd},set=${set}`);
  return [
    ...add(`${what}, for writing`, readWrite, DISK_SET),
    ...add(`${what}, for reading`, readOnly, DISK_SET),
    ...add("the image that the boot disk stands over, only for reading", base, BASE_SET),
  ];
}

function driveOption({ format, cdrom = false, base = null }: DiskInput, bus: DriveInterface): string {
  const start = `id=image0,if=${bus},${cdrom ? "media=cdrom,readonly=on," : ""}`;
  if (format === "raw") return `${start}format=raw,file.driver=file,file.filename=${pathOf(DISK_SET)}`;
  // Only JSON can say null; `backing=` means the same but is deprecated since QEMU 4.0.
  const node = { driver: "qcow2", backing: base === null ? null : baseNode(base), file: fileNode(DISK_SET) };
  return `${start}file=${quote(`json:${JSON.stringify(node)}`, "config.image_path")}`;
}

const fileNode = (set: number) => ({ driver: "file", filename: pathOf(set) });

function baseNode({ format }: Pick<BootDisk, "format">) {
  const node = { driver: format, "read-only": true, file: { ...fileNode(BASE_SET), "read-only": true } };
  return format === "raw" ? node : { ...node, backing: null };
}
