import { AppError } from "../base/errors.ts";
import { type Argument, jsonOf, readArguments, typeOf } from "./arguments.ts";
import { OPTIONS_WITH_VALUE } from "./options.ts";
import { optionValue, splitOption } from "./quote.ts";

/** A word of `config.args` that is not let through. */
export interface Refusal {
  /** Of the word in `args`. */
  readonly index: number;
  readonly message: string;
  readonly hint?: string;
}

/**
 * What may not be given to QEMU: words outside the agent's `args_allowlist` (Nomad's rule, and no disk images beside it), and
 * whatever the sandbox would kill QEMU for or would take the machine out of the agent's hands.
 * @param allowlist empty when everything is allowed.
 */
export function refuseArguments(args: readonly string[], allowlist: readonly string[]): readonly Refusal[] {
  const read = readArguments(args);
  return [
    ...args.flatMap((word, index) => outsideAllowlist(word, index, allowlist)),
    ...read.flatMap((argument) => imageUnderAllowlist(argument, allowlist)),
    ...read.flatMap(missingValue),
    ...read.flatMap(unworkable),
    ...args.flatMap((word, index) => (word.includes("\0") ? [{ index, message: "has a NUL character" }] : [])),
  ].sort((a, b) => a.index - b.index);
}

/**
 * As `refuseArguments`, for callers that cannot go on.
 * @throws AppError `invalid` that names every refused word by its place in `config.args`.
 */
export function assertArguments(args: readonly string[], allowlist: readonly string[]): void {
  const refusals = refuseArguments(args, allowlist);
  if (refusals.length === 0) return;
  const text = refusals.map(({ index, message }) => `config.args[${index}]: ${message}`).join("; ");
  throw new AppError("invalid", text, { hint: refusals.find(({ hint }) => hint !== undefined)?.hint });
}

/** Nomad's check of 1.2.1 and later: every word that begins with a dash, values too, stands in the list as it is written. */
function outsideAllowlist(word: string, index: number, allowlist: readonly string[]): readonly Refusal[] {
  if (allowlist.length === 0 || !word.trim().startsWith("-") || allowlist.includes(word)) return [];
  return [{ index, message: `${JSON.stringify(word)} is not in args_allowlist` }];
}

/** A list of flags says nothing of `/dev/sda` alone, which QEMU opens as a disk. */
function imageUnderAllowlist(argument: Argument, allowlist: readonly string[]): readonly Refusal[] {
  if (argument.kind !== "image" || allowlist.length === 0) return [];
  const message = `${JSON.stringify(argument.word)} is not the value of an option, so QEMU takes it for a disk image, which args_allowlist does not cover`;
  return [
    { index: argument.index, message, hint: "name the image in image_path, or use an option that args_allowlist has" },
  ];
}

/** Otherwise QEMU would take the word that we put after `args` for the value. */
function missingValue(argument: Argument): readonly Refusal[] {
  if (argument.kind !== "option" || argument.value !== null || !OPTIONS_WITH_VALUE.has(argument.name)) return [];
  return [{ index: argument.index, message: `${JSON.stringify(argument.word)} requires a value` }];
}

/** What cannot work under the agent, whatever is allowed. */
function unworkable(argument: Argument): readonly Refusal[] {
  if (argument.kind !== "option") return [];
  const fault = faultOf(argument.name, argument.value ?? "");
  if (fault === undefined) return [];
  const words = [argument.word, argument.value ?? ""].join(" ").trim();
  return [
    { index: argument.index, message: `${JSON.stringify(words)} cannot be used: ${fault.why}`, hint: fault.hint },
  ];
}

interface Fault {
  readonly why: string;
  readonly hint: string;
}

function faultOf(name: string, value: string): Fault | undefined {
  switch (name) {
    case "daemonize":
      return {
        why: "the agent could not follow a QEMU that leaves its session",
        hint: "leave it out: the agent keeps the machine running in the background",
      };
    case "runas":
      return {
        why: "QEMU dies when it changes its user under its sandbox",
        hint: "leave it out: the agent chooses the user that QEMU runs as",
      };
    case "sandbox":
      return loosens(value) ? { why: "the sandbox of a machine is always on", hint: "leave it out" } : undefined;
    case "set":
      return BOOT_DISK_FILE.test(value)
        ? { why: "the boot disk is the image that was checked", hint: "name the file in image_path" }
        : undefined;
    case "incoming":
      return RUNS_PROGRAM.test(value) ? starts("use -incoming unix:PATH or -incoming tcp:HOST:PORT") : undefined;
    case "netdev":
    case "nic":
    case "net":
      return networkFault(value);
    default:
      return undefined;
  }
}

const BOOT_DISK_FILE = /^drive\.image0\.(file|driver|format|backing)\b/;
/** `exec:` of every version, and the address with `transport` of QEMU 8.2 and later. */
const RUNS_PROGRAM = /^exec:|transport"?\s*[:=]\s*"?exec\b/;

/** QEMU 7.2 is killed by SIGSYS at once, or when the guest first uses it. */
const starts = (hint: string): Fault => ({
  why: "QEMU would start another program for it, which its sandbox forbids",
  hint,
});

function loosens(value: string): boolean {
  const parts = splitOption(value);
  if (optionValue(parts, "enable", "enable") === "off") return true;
  return parts.some((part) => part.key !== "enable" && (part.value === "allow" || part.value === "children"));
}

/** Networks that need a program of the host. */
function networkFault(value: string): Fault | undefined {
  const parts = splitOption(value);
  const get = (key: string): string | undefined => {
    const property = jsonOf(value)?.[key];
    return property === undefined ? optionValue(parts, key) : String(property);
  };
  switch (typeOf(value, "type")) {
    case "bridge":
      return starts("put a tap device into the bridge on the host and use tap,ifname=NAME,script=no,downscript=no");
    case "tap":
      return tapWorks(get)
        ? undefined
        : starts("configure the tap device on the host and use tap,ifname=NAME,script=no,downscript=no");
    case "user":
      if (get("smb") !== undefined) return starts("share a directory with -virtfs");
      return /guestfwd.*-cmd:/s.test(value) ? starts("forward to a chardev: guestfwd=tcp:ADDRESS:PORT-ID") : undefined;
    default:
      return undefined;
  }
}

/** QEMU runs `/etc/qemu-ifup` and `/etc/qemu-ifdown` unless both scripts are switched off or the device comes open. */
function tapWorks(get: (key: string) => string | undefined): boolean {
  if (get("helper") !== undefined) return false;
  if (get("fd") !== undefined || get("fds") !== undefined) return true;
  return ["script", "downscript"].every((key) => ["no", ""].includes(get(key) ?? "default"));
}
