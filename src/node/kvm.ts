import { closeSync, openSync, statSync } from "node:fs";
import { errnoOf, errorText } from "../base/errors.ts";
import { type ExecResult, execUntil } from "../base/exec.ts";
import { DEMO_BANNER, DEMO_DISK_BYTES, demoImage } from "../guest/demo-image.ts";
import { quoteFirstLine } from "./emulators.ts";
import type { Emulator, KvmFacts } from "./node.ts";

export const KVM_DEVICE = "/dev/kvm";

/** The small guest prints after 0.1 s; a host on which it takes this long runs nothing in a useful time. */
const BANNER_MILLIS = 2_000;

/** The demo guest is a PC's boot sector; other processors have no probe guest yet. */
const PROBE_EMULATORS = ["x86_64", "i386"];

/** What is said of KVM while the probe guest is still running. */
export const KVM_PENDING: KvmFacts = { usable: false, reason: "KVM is still being tried out with a small guest" };

export interface KvmOptions {
  /** Changes with every start of the host; what was found out holds as long as it stays. */
  readonly bootId: string;
  /** `KvmProbe.remember` of an earlier call; what does not fit any more is ignored. */
  readonly remembered?: string | undefined;
  readonly device?: string;
  /** `process.platform` and `process.arch` unless a test says otherwise. */
  readonly platform?: string;
  readonly arch?: string;
  readonly accelerator?: string;
  readonly deadlineMillis?: number;
  /** Ends the probe before it knows; the answer then is for nobody and not remembered. */
  readonly signal?: AbortSignal;
}

export interface KvmProbe {
  readonly facts: KvmFacts;
  /** What to hand in next time, so that the guest need not run again before the next boot; null when it did not run. */
  readonly remember: string | null;
}

/**
 * Finds out whether KVM works here: only a small guest that printed its banner under it proves that, for there are hosts with a
 * `/dev/kvm` on which every guest hangs. Takes 0.1 s, or 2 s on such a host, or nothing when the answer is remembered.
 */
export async function probeKvm(emulators: readonly Emulator[], options: KvmOptions): Promise<KvmProbe> {
  const refuse = (reason: string): KvmProbe => ({ facts: { usable: false, reason }, remember: null });
  const platform = options.platform ?? process.platform;
  const arch = options.arch ?? process.arch;
  if (platform !== "linux") return refuse(`KVM is a part of Linux, and this is ${platform}: use accelerator "tcg"`);
  if (arch !== "x64") return refuse(`KVM on ${arch} cannot be tried out yet, the probe guest is for x86_64 only`);
  const emulator = PROBE_EMULATORS.flatMap((name) => emulators.find((one) => one.name === name) ?? [])[0];
  if (emulator === undefined) return refuse("there is no qemu-system-x86_64 to try KVM with");
  const problem = findDeviceProblem(options.device ?? KVM_DEVICE);
  if (problem !== undefined) return refuse(problem);

  const subject = { bootId: options.bootId, path: emulator.path, version: emulator.version };
  const known = decodeKvmResult(options.remembered, subject);
  const facts = known ?? (await runProbeGuest(emulator, options));
  return options.signal?.aborted ? refuse("the probe was ended") : { facts, remember: encodeKvmResult(facts, subject) };
}

/** What a remembered answer is about. */
export interface KvmSubject {
  readonly bootId: string;
  /** The emulator that was used. */
  readonly path: string;
  readonly version: string;
}

/** The text that `decodeKvmResult` reads. */
export function encodeKvmResult(facts: KvmFacts, subject: KvmSubject): string {
  return JSON.stringify({ ...subject, ...facts });
}

/** The remembered answer, or undefined when it is damaged, of another boot, or about another QEMU. */
export function decodeKvmResult(text: string | undefined, subject: KvmSubject): KvmFacts | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  if ((["bootId", "path", "version"] as const).some((key) => fields.get(key) !== subject[key])) return undefined;
  const [usable, reason] = [fields.get("usable"), fields.get("reason")];
  return typeof usable === "boolean" && typeof reason === "string" ? { usable, reason } : undefined;
}

/** What tells whether a device is another one than before, or open to others: a module that is loaded makes it anew. */
export function traceDevice(device: string): string {
  try {
    const { ino, rdev, mode, uid, gid } = statSync(device);
    return JSON.stringify([ino, rdev, mode, uid, gid]);
  } catch (error) {
    return errnoOf(error) ?? errorText(error);
  }
}

function findDeviceProblem(device: string): string | undefined {
  try {
    closeSync(openSync(device, "r+"));
    return undefined;
  } catch (error) {
    return explainDevice(device, errnoOf(error) ?? errorText(error));
  }
}

/** Says what to do when KVM's device cannot be opened, by the system's error code. */
export function explainDevice(device: string, code: string): string {
  if (code === "ENOENT") {
    return `there is no ${device}: load kvm_intel or kvm_amd, and turn on VT-x or AMD-V in the firmware or nested virtualization in the host of this machine`;
  }
  if (code === "EACCES" || code === "EPERM") {
    return `no permission on ${device}: add the user that runs the agent to the group kvm`;
  }
  return `${device} cannot be opened: ${code}`;
}

async function runProbeGuest(emulator: Emulator, options: KvmOptions): Promise<KvmFacts> {
  const deadlineMillis = options.deadlineMillis ?? BANNER_MILLIS;
  const accelerator = options.accelerator ?? "kvm";
  let result: ExecResult & { readonly met: boolean };
  try {
    result = await execUntil(probeCommand(emulator.path, accelerator), {
      deadlineMillis,
      signal: options.signal,
      until: (stdout) => stdout.includes(DEMO_BANNER),
      files: [{ content: demoImage(), size: DEMO_DISK_BYTES }],
    });
  } catch (error) {
    return { usable: false, reason: `the KVM probe could not be started: ${errnoOf(error) ?? errorText(error)}` };
  }
  if (result.met) return { usable: true, reason: "" };
  if (result.exit === null) {
    const reason = `a small guest printed nothing within ${deadlineMillis / 1000} s under KVM, so guests hang under it here`;
    return { usable: false, reason: `${reason}: use accelerator "tcg"` };
  }
  const end = result.exit.code === null ? `signal ${result.exit.signal}` : `status ${result.exit.code}`;
  return { usable: false, reason: `QEMU with accel=kvm ended with ${end}${quoteFirstLine(result.stderr)}` };
}

/** The probe guest boots from a read-only floppy, because an IDE disk cannot be read-only. */
function probeCommand(emulator: string, accelerator: string): [string, ...string[]] {
  return [
    emulator,
    ...["-no-user-config", "-nodefaults", "-display", "none"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-machine", `pc,accel=${accelerator}`, "-m", "16"],
    ...["-add-fd", "fd=3,set=1"],
    ...["-drive", "if=floppy,format=raw,readonly=on,file.driver=file,file.filename=/dev/fdset/1"],
    ...["-serial", "stdio"],
  ];
}
