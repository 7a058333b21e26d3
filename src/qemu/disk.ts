import { AppError } from "../base/errors.ts";
import { nearestName, orList } from "../base/text.ts";
import type { CheckedImage } from "../image/checked.ts";
import type { Word } from "./launch.ts";
import { quote } from "./quote.ts";

/** `config.drive_interface`, Nomad's list. */
export const DRIVE_INTERFACES = ["ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none"] as const;
export type DriveInterface = (typeof DRIVE_INTERFACES)[number];

/** Descriptors of the boot disk in QEMU; 3 is the wrapper's status file. */
export const DISK_FDS = { readWrite: 4, readOnly: 5 } as const;

const FD_SET = 1;
const FD_SET_PATH = `/dev/fdset/${FD_SET}`;

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
 * of a file that was checked.
 */
export function bootDiskWords(image: Pick<CheckedImage, "format">, text: string, machineType: string): readonly Word[] {
  const wanted = driveInterface(text);
  const addsController = wanted === "scsi" && BARE_OF_SCSI.test(machineType);
  const drive = driveOption(image.format, addsController ? "none" : wanted);
  const paddock = (why: string, ...words: readonly string[]): readonly Word[] =>
    words.map((word) => ({ word, origin: { kind: "paddock", why } }));
  return [
    ...paddock("the boot disk as it was checked, for writing", "-add-fd", `fd=${DISK_FDS.readWrite},set=${FD_SET}`),
    ...paddock("the boot disk as it was checked, for reading", "-add-fd", `fd=${DISK_FDS.readOnly},set=${FD_SET}`),
    ...["-drive", drive].map((word): Word => ({ word, origin: { kind: "job", attribute: DISK_ATTRIBUTES } })),
    ...(addsController
      ? paddock("this machine type has no SCSI controller of its own", "-device", "virtio-scsi-pci,id=paddock-scsi")
      : []),
    ...(addsController
      ? paddock("the boot disk on that controller", "-device", "scsi-hd,bus=paddock-scsi.0,drive=image0")
      : []),
  ];
}

const DISK_ATTRIBUTES = "config.image_path and config.drive_interface";

function driveOption(format: CheckedImage["format"], bus: DriveInterface): string {
  if (format === "raw") return `id=image0,if=${bus},format=raw,file.driver=file,file.filename=${FD_SET_PATH}`;
  // Only JSON can say null; `backing=` means the same but is deprecated since QEMU 4.0.
  const node = { driver: "qcow2", backing: null, file: { driver: "file", filename: FD_SET_PATH } };
  return `id=image0,if=${bus},file=${quote(`json:${JSON.stringify(node)}`, "config.image_path")}`;
}
