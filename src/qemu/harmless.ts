import { type Argument, readArguments } from "./arguments.ts";
import { type OptionPart, splitOption } from "./quote.ts";

/** A word of `args` that may reach something else than the machine and its allocation. */
export interface Reach {
  /** Of the word in `args`. */
  readonly index: number;
  /** As it is written, with its value. */
  readonly words: string;
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((name) => name !== ""));

/** Options without a value that concern the machine alone. */
const PLAIN = names(`
enable-kvm no-acpi no-fd-bootchk no-hpet no-kvm no-reboot no-shutdown no-user-config nodefaults nodefconfig snapshot usb win2k-hack
`);

/** Options whose value, where it is a few words of the machine's own, names nothing of the host's. */
const SETTINGS = names("action boot cpu icount k nic net rtc smp usbdevice uuid vga watchdog-action");

/** Options whose whole value is a file that is only read, or a disk. */
const FILES = names("cdrom dtb fda fdb hda hdb hdc hdd initrd kernel");

/** Devices that are made of nothing of the host's. */
const DEVICES = names(`
AC97 ES1370 e1000 hda-duplex hda-micro hda-output i6300esb ib700 ich9-intel-hda intel-hda isa-debug-exit ne2k_pci nec-usb-xhci pvpanic
pvpanic-pci qemu-xhci ramfb usb-ehci usb-kbd usb-mouse usb-tablet virtio-balloon-ccw virtio-balloon-device virtio-balloon-pci
virtio-gpu-device virtio-gpu-pci virtio-keyboard-pci virtio-mouse-pci virtio-rng-ccw virtio-rng-device virtio-rng-pci virtio-scsi-pci
virtio-tablet-pci virtio-vga vmcoreinfo vmgenid
`);

/** What a value of `-usbdevice`, `-nic` and `-net` may be: other words open networks and devices of the host. */
const WORDS: Readonly<Record<string, ReadonlySet<string>>> = {
  nic: names("none"),
  net: names("none"),
  usbdevice: names("kbd keyboard mouse tablet wacom-tablet"),
};

/** What a `-drive` may say besides its file. */
const DRIVE_KEYS = names("cache discard format id if index media readonly snapshot unit");

/** Numbers, words and what stands between them: no path, no address and nothing that is put in when the task starts. */
const SIMPLE = /^[\w.+=,-]*$/;

/**
 * What of `args` may reach out of the machine and its allocation, as far as it is not known to be harmless: files of the host, devices,
 * networks, programs, sockets. What is not known here reaches out.
 * @param isOwnFile says of a path as it stands in `args` whether it is one of the allocation's, whatever is put into it later.
 */
export function reachesOut(args: readonly string[], isOwnFile: (path: string) => boolean): readonly Reach[] {
  return readArguments(args).flatMap((argument) => (isHarmless(argument, isOwnFile) ? [] : [reachOf(argument)]));
}

function reachOf(argument: Argument): Reach {
  const { index, word } = argument;
  return { index, words: argument.kind === "option" && argument.value !== null ? `${word} ${argument.value}` : word };
}

function isHarmless(argument: Argument, isOwnFile: (path: string) => boolean): boolean {
  if (argument.kind === "image") return isOwnFile(argument.word);
  const { name, value } = argument;
  if (value === null) return PLAIN.has(name);
  if (FILES.has(name)) return isOwnFile(value);
  if (SETTINGS.has(name)) return SIMPLE.test(value) && (WORDS[name]?.has(value) ?? true);
  switch (name) {
    // The guest's kernel reads it, and nobody else.
    case "append":
      return true;
    case "display":
      return value === "none";
    case "device":
      return SIMPLE.test(value) && DEVICES.has(value.split(",")[0] ?? "");
    case "drive":
      return partsAre(value, isOwnFile, (key) => DRIVE_KEYS.has(key));
    case "fw_cfg":
      return partsAre(value, isOwnFile, (key) => key === "name" || key === "string" || key === "");
    case "smbios":
      return partsAre(value, isOwnFile, (key) => key !== "path");
    default:
      return false;
  }
}

/** Whether the files that an option names are the allocation's, and all else that it says is of the known kind. */
function partsAre(value: string, isOwnFile: (path: string) => boolean, isKnown: (key: string) => boolean): boolean {
  if (value.startsWith("{")) return false;
  return splitOption(value).every(({ key, value: part }: OptionPart) => {
    if (key === "file") return isOwnFile(part);
    // What is put in later may hold commas, and other options behind them.
    return isKnown(key) && !/[$%]\{/.test(`${key}=${part}`);
  });
}
