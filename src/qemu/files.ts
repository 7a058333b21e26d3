import { type Argument, jsonOf, type OptionArgument, optionsNamed, typeOf } from "./arguments.ts";
import { type OptionPart, optionValue, splitOption } from "./quote.ts";

/** Something of the host's that `config.args` name and QEMU will open. */
export interface NamedFile {
  /** Of the option's word in `args`. */
  readonly index: number;
  /** As it is written, or what QEMU makes of it. */
  readonly path: string;
  /** `create` is to write, after making the file where there is none. */
  readonly access: "read" | "write" | "create";
  /** It is a disk that is not said to be raw: QEMU finds out what it is, or is told, and opens what its header names, too. */
  readonly followed?: true;
}

/** Options whose whole value is a file. */
const WHOLE: Readonly<Record<string, NamedFile["access"]>> = {
  ...{ hda: "write", hdb: "write", hdc: "write", hdd: "write", fda: "write", fdb: "write", sd: "write" },
  ...{ mtdblock: "write", pflash: "write", "mem-path": "write" },
  ...{ cdrom: "read", kernel: "read", initrd: "read", dtb: "read", bios: "read", "option-rom": "read", L: "read" },
  ...{ readconfig: "read", writeconfig: "create", D: "create", pidfile: "create" },
};

/** Those of them that are disks of a format that QEMU finds out. */
const PROBED: ReadonlySet<string> = new Set([
  "hda",
  "hdb",
  "hdc",
  "hdd",
  "fda",
  "fdb",
  "sd",
  "mtdblock",
  "pflash",
  "cdrom",
]);

/** Options whose value is a character device in the old spelling: `file:PATH`, `unix:PATH,server=on`, `/dev/ttyS0`. */
const CHARDEVS = new Set(["serial", "parallel", "monitor", "qmp", "qmp-pretty", "debugcon", "virtioconsole", "gdb"]);

/**
 * The files, devices and sockets that `args` name, as far as they can be told from the words; what is missed, QEMU says in its own
 * words. Names that QEMU looks up elsewhere too (`-bios`) may be no file at all.
 */
export function namedFiles(args: readonly Argument[]): readonly NamedFile[] {
  // Every disk is only read then, and what the guest writes goes to a file that is deleted.
  const snapshot = optionsNamed(args, "snapshot").length > 0;
  return args.flatMap((argument): NamedFile[] => {
    const found = argument.kind === "image" ? diskName(argument.word, "write") : ofOption(argument);
    return found.flatMap(({ access, ...file }) => {
      if (file.path === "" || file.path.startsWith("/dev/fdset/")) return [];
      return [{ ...file, index: argument.index, access: snapshot && access === "write" ? "read" : access }];
    });
  });
}

/** Whether `args` let the guest write to files of the host that nobody names: those of a directory that it is given. */
export function sharesDirectory(args: readonly Argument[]): boolean {
  return args.some((argument) => {
    if (argument.kind === "image") return WRITABLE_FAT.test(argument.word);
    const { name, value } = argument;
    if (value === null) return false;
    const parts = partsOf(value);
    if (name === "fsdev" || name === "virtfs") return optionValue(parts, "readonly") !== "on";
    if (name === "device") return typeOf(value, "driver") === "usb-mtp" && optionValue(parts, "readonly") === "off";
    return WRITABLE_FAT.test(value) || (optionValue(parts, "driver") === "vvfat" && optionValue(parts, "rw") === "on");
  });
}

/** A directory as a disk, in the short spelling: `fat:rw:DIR`, `fat:floppy:rw:DIR`. */
const WRITABLE_FAT = /(^|[=,])fat:([a-z0-9]+:)*rw:/;

type Found = Omit<NamedFile, "index">;

function ofOption({ name, value }: OptionArgument): readonly Found[] {
  if (value === null) return [];
  const whole = WHOLE[name];
  if (whole !== undefined) return PROBED.has(name) ? diskName(value, whole) : [{ path: value, access: whole }];
  if (CHARDEVS.has(name)) return oldChardev(value);
  const parts = partsOf(value);
  switch (name) {
    case "drive":
    case "blockdev":
      return diskFiles(parts);
    case "chardev":
      return chardevFiles(typeOf(value, "backend"), parts);
    case "device":
      return [...deviceFiles(typeOf(value, "driver"), parts), ...absolute(parts, "read")];
    case "object":
      return absolute(parts, OBJECTS[typeOf(value, "qom-type")] ?? "read");
    // Texts for others than QEMU: a kernel's command line, a device tree, a firmware's variable.
    case "append":
    case "prom-env":
    case "name":
    case "uuid":
      return [];
    default:
      return absolute(parts, "read");
  }
}

const OBJECTS: Readonly<Record<string, NamedFile["access"]>> = {
  "memory-backend-file": "write",
  "input-linux": "write",
  "filter-dump": "create",
};

/** Key and value of an option in either of QEMU's spellings; those of a JSON object inside another have its key before theirs. */
function partsOf(value: string): readonly OptionPart[] {
  const json = jsonOf(value);
  return json === undefined ? splitOption(value) : leaves(json, "");
}

function leaves(value: unknown, key: string): OptionPart[] {
  if (typeof value !== "object" || value === null) return [{ key, value: value === true ? "on" : String(value) }];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, key === "" ? name : `${key}.${name}`));
}

function absolute(parts: readonly OptionPart[], access: NamedFile["access"]): Found[] {
  return parts.filter(({ value }) => value.startsWith("/")).map(({ value }) => ({ path: value, access }));
}

function diskFiles(parts: readonly OptionPart[]): Found[] {
  const is = (key: string, value: string): boolean => optionValue(parts, key) === value;
  const readOnly = is("readonly", "on") || is("read-only", "on") || is("media", "cdrom") || is("snapshot", "on");
  return parts
    .filter(({ key }) => key === "file" || /(^|\.)filename$/.test(key))
    .flatMap(({ value }) => diskName(value, readOnly ? "read" : "write", isRaw(parts)));
}

/** Whether nothing in a disk is read by what its own header says, in whichever of its layers. */
function isRaw(parts: readonly OptionPart[]): boolean {
  const layers = parts.filter(({ key }) => /(^|\.)(driver|format)$/.test(key)).map(({ value }) => value);
  return layers.includes("raw") && layers.every((layer) => PLAIN_LAYERS.has(layer));
}

/** Drivers of QEMU's that hand on the bytes of a file. */
const PLAIN_LAYERS: ReadonlySet<string> = new Set(["raw", "file", "host_device", "host_cdrom"]);

/** A disk's name may begin with a protocol; of these only `file:` and `json:` lead to a file that is known here. */
function diskName(name: string, access: NamedFile["access"], raw = false): Found[] {
  if (name.startsWith("json:")) {
    const parts = partsOf(name.slice("json:".length));
    const names = parts.filter(({ key }) => /(^|\.)filename$/.test(key));
    return names.map(({ value }) => ({ path: value, access, ...(!isRaw(parts) && { followed: true as const }) }));
  }
  const path = name.replace(/^file:(\/\/(?=\/))?/, "");
  return /^[a-z][a-z0-9+-]*:/.test(path) ? [] : [{ path, access, ...(!raw && { followed: true as const }) }];
}

function chardevFiles(backend: string, parts: readonly OptionPart[]): Found[] {
  const path = optionValue(parts, "path") ?? optionValue(parts, "backend.data.addr.data.path") ?? "";
  const log = optionValue(parts, "logfile");
  const logs: Found[] = log === undefined ? [] : [{ path: log, access: "create" }];
  return [...backendFiles(backend, path, optionValue(parts, "server") !== undefined), ...logs];
}

function backendFiles(backend: string, path: string, server: boolean): Found[] {
  switch (backend) {
    case "file":
      return [{ path, access: "create" }];
    case "socket":
      return [{ path, access: server ? "create" : "write" }];
    case "serial":
    case "tty":
    case "parallel":
    case "parport":
      return [{ path, access: "write" }];
    case "pipe":
      // One of the two spellings is there.
      return ["", ".in", ".out"].map((end) => ({ path: `${path}${end}`, access: "write" }));
    default:
      return [];
  }
}

function oldChardev(text: string): Found[] {
  const value = text.replace(/^mon:/, "");
  const [, kind = "", rest = ""] = /^(file|unix|pipe):(.*)$/s.exec(value) ?? [];
  const [path = "", ...options] = rest.split(",");
  if (kind === "unix")
    return backendFiles(
      "socket",
      path,
      options.some((word) => /^server(=on)?$/.test(word)),
    );
  if (kind !== "") return backendFiles(kind, rest, false);
  return value.startsWith("/") ? backendFiles("serial", value, false) : [];
}

/** The files in `/dev` of devices of the host's that are passed on. */
function deviceFiles(driver: string, parts: readonly OptionPart[]): Found[] {
  if (driver !== "usb-host") return [];
  const [bus, address] = ["hostbus", "hostaddr"].map((key) => optionValue(parts, key)?.padStart(3, "0"));
  return bus === undefined || address === undefined
    ? []
    : [{ path: `/dev/bus/usb/${bus}/${address}`, access: "write" }];
}
