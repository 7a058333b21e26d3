import { type Argument, jsonOf, optionsNamed, ownKvm, typeOf } from "./arguments.ts";
import { optionValue, splitOption } from "./quote.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

const UNITS: Readonly<Record<string, number>> = { B: 1, K: KIB, M: MIB, G: GIB, T: 2 ** 40, P: 2 ** 50, E: 2 ** 60 };

/**
 * The most memory that a guest can have by QEMU's command line, in bytes: `-m` (the last counts, with what may be plugged in later)
 * and every memory backend, whatever uses it.
 * @returns null when the command line does not tell: a part of it is in a file, or is none that QEMU takes.
 */
export function guestMemory(words: readonly Argument[]): number | null {
  if (optionsNamed(words, "readconfig").length > 0) return null;
  const last = optionsNamed(words, "m").at(-1)?.value;
  if (last == null) return null;
  const parts = splitOption(last);
  const main = parseSize(optionValue(parts, "size", "size") ?? "", MIB);
  const most = optionValue(parts, "maxmem");
  const plugged = most === undefined ? 0 : parseSize(most, 1);
  const backends = optionsNamed(words, "object")
    .filter(({ value }) => /^memory-backend-/.test(typeOf(value ?? "", "qom-type")))
    .map(({ value }) => backendSize(value ?? ""));
  if (main === null || plugged === null) return null;
  const listed = backends.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  if (listed === null) return null;
  const ram = Math.max(main, plugged);
  // A backend may be that very memory, or come beside it.
  return isBackend(words) ? Math.max(ram, listed) : ram + listed;
}

/** Whether the memory of `-m` is taken from backends. */
function isBackend(words: readonly Argument[]): boolean {
  const machine = optionsNamed(words, "machine", "M").some(
    ({ value }) => optionValue(splitOption(value ?? ""), "memory-backend") !== undefined,
  );
  return machine || optionsNamed(words, "numa").some(({ value }) => value?.includes("memdev=") === true);
}

function backendSize(value: string): number | null {
  const size = jsonOf(value)?.["size"] ?? optionValue(splitOption(value), "size");
  if (typeof size === "number") return Number.isSafeInteger(size) && size >= 0 ? size : null;
  return typeof size === "string" ? parseSize(size, 1) : null;
}

/** A size as QEMU reads it (`qemu_strtosz`): a number, perhaps with a fraction, and one letter. @param unit bytes of a bare number. */
function parseSize(text: string, unit: number): number | null {
  const match = /^(0x[\da-f]+|\d+(?:\.\d+)?)([BKMGTPE]?)$/i.exec(text.trim());
  if (match === null) return null;
  const bytes = Math.ceil(Number(match[1]) * (UNITS[(match[2] ?? "").toUpperCase()] ?? unit));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Processors of the guest by the last `-smp`, those that may be plugged in later included; 1 when it says nothing that we read. */
export function processorCount(words: readonly Argument[]): number {
  const parts = splitOption(optionsNamed(words, "smp").at(-1)?.value ?? "1");
  const number = (key: string, implied?: string): number => {
    const value = Number(optionValue(parts, key, implied) ?? "1");
    return Number.isInteger(value) && value >= 1 ? value : 1;
  };
  const topology = ["sockets", "dies", "clusters", "cores", "threads"].reduce((all, key) => all * number(key), 1);
  return Math.min(4096, Math.max(number("cpus", "cpus"), number("maxcpus"), topology));
}

/** QEMU with its heap, its threads' stacks, standard VGA and what it keeps of disks in the page cache. */
const BASE = 256 * MIB;
const PER_PROCESSOR = 8 * MIB;
/** Tables of a qcow2 (`l2-cache-size`, 32 MiB by default), and what is under way to the disk. */
const PER_DISK = 48 * MIB;
const QCOW2_NODE = '"backing":{"driver":"qcow2"';
/** `max_hostmem` of virtio-gpu is 256 MiB by default, and qxl has as much in its bars. */
const PER_DISPLAY = 320 * MIB;
const DISPLAY = /virtio-(gpu|vga)|qxl|vhost-user-(gpu|vga)/;
/** Translated code: QEMU takes an eighth of the host's memory for it, at most this (`tcg_region_init`). */
const MOST_TRANSLATED = GIB;
/** TCG's table of pages has at most 2^22 entries of 64 bytes in each of the two modes of a kernel and its programs (cputlb.c). */
const MOST_TLB = 512 * MIB;

/**
 * What QEMU may need beside its guest's memory, in bytes: an upper bound, for a limit costs nothing until it is reached, and one that
 * is too low kills the machine. Measured with QEMU 7.2 under TCG: 27 MiB with an idle guest, whatever memory it has; 1.5 MiB for a
 * processor. KubeVirt's figures, which have been in use for years, are 220 MiB, 8 MiB for a processor, 16 MiB for its display and 1/512 of the memory for page tables. Those are for KVM: page tables of host and guest, the map from memory
 * to them and the dirty bitmap are together 1/128. TCG keeps its translated code and a table of pages for each processor instead.
 * @param hostMemory bytes.
 */
export function overheadMemory(words: readonly Argument[], guest: number, hostMemory: number): number {
  const processors = processorCount(words);
  const drives = optionsNamed(words, "drive", "blockdev", "hda", "hdb", "hdc", "hdd", "cdrom");
  // An overlay over a qcow2 has tables of both.
  const disks = drives.reduce((sum, { value }) => sum + Math.max(1, value?.split(QCOW2_NODE).length ?? 0), 0);
  const displays = optionsNamed(words, "device", "vga").filter(({ value }) => DISPLAY.test(value ?? "")).length;
  const virtio = optionsNamed(words, "vga").filter(({ value }) => value === "virtio").length;
  const fixed = BASE + PER_PROCESSOR * processors + PER_DISK * disks + PER_DISPLAY * (displays + virtio);
  const tables = Math.ceil(guest / 128);
  if (!mayTranslate(words)) return fixed + tables;
  return fixed + tables + translatedCode(words, hostMemory) + processors * Math.min(MOST_TLB, Math.ceil(guest / 16));
}

/** Whether QEMU may run the guest by TCG: unless every word that names an accelerator names KVM alone. */
function mayTranslate(words: readonly Argument[]): boolean {
  if (ownKvm(words) === undefined) return true;
  return optionsNamed(words, "accel", "machine", "M").some(({ name, value }) => {
    const accel = optionValue(splitOption(value ?? ""), "accel", name === "accel" ? "accel" : "type");
    return accel?.split(":").includes("tcg") ?? false;
  });
}

function translatedCode(words: readonly Argument[], hostMemory: number): number {
  const asked = [
    ...optionsNamed(words, "accel").map(({ value }) => optionValue(splitOption(value ?? ""), "tb-size")),
    ...optionsNamed(words, "tb-size").map(({ value }) => value ?? undefined),
  ].findLast((value) => value !== undefined);
  const mebibytes = Number(asked ?? "0");
  if (Number.isInteger(mebibytes) && mebibytes > 0) return mebibytes * MIB;
  return Math.min(MOST_TRANSLATED, Math.ceil(hostMemory / 8));
}
