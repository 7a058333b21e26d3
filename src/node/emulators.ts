import { accessSync, constants, readdirSync, realpathSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { errnoOf, errorText } from "../base/errors.ts";
import { type ExecResult, execProgram } from "../base/exec.ts";
import { escapeControls } from "../base/text.ts";
import type { Emulator } from "./node.ts";

const PREFIX = "qemu-system-";

/** The emulator of a task that names none. */
export const DEFAULT_EMULATOR = "x86_64";

/** How long `--version` may take: QEMU needs 0.05 s, and some seconds while a host boots or is overloaded. */
const VERSION_MILLIS = 20_000;

/** How many are asked at once; a distribution ships about thirty. */
const AT_ONCE = 4;

/** By which device a guest tells of a panic, for the emulators whose boards have a bus for it (QEMU's docs/specs/pvpanic). */
const PANIC_DEVICES: Readonly<Record<string, string>> = { x86_64: "pvpanic", i386: "pvpanic", aarch64: "pvpanic-pci" };

/** Nomad's pattern for the output of `qemu-system-… --version`. */
const VERSION_PATTERN = /version (\d[.\d+]+)/;

/** A program with the name of an emulator that is left out, and why. */
export interface LeftOut {
  /** Name behind `qemu-system-`. */
  readonly name: string;
  readonly path: string;
  readonly reason: string;
}

export interface FoundEmulators {
  /** Sorted by name. */
  readonly emulators: readonly Emulator[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Finds QEMU's system emulators on `path` (colon separated) and asks each for its version; one that hangs, prints junk or fails is
 * left out and costs its deadline at most. As a shell does, the first executable file of a name wins; entries of `path` that are not
 * absolute are skipped, for they would mean another program in another directory.
 * @param allowlist names with or without `qemu-system-` that may be used; empty allows all.
 */
export async function findEmulators(
  path: string,
  allowlist: readonly string[],
  deadlineMillis = VERSION_MILLIS,
): Promise<FoundEmulators> {
  const allowed = new Set(allowlist.map(stripPrefix));
  const candidates = [...listCandidates(path)].filter(([name]) => allowed.size === 0 || allowed.has(name)).toSorted();
  const emulators: Emulator[] = [];
  const leftOut: LeftOut[] = [];
  const next = candidates.values();
  const work = async (): Promise<void> => {
    for (const [name, file] of next) {
      const answer = await askVersion(file, deadlineMillis);
      if ("version" in answer) {
        const panicDevice = await askPanicDevice(name, file, deadlineMillis);
        emulators.push({ name, path: file, version: answer.version, ...(panicDevice && { panicDevice }) });
      } else leftOut.push({ name, path: file, reason: answer.reason });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return { emulators: emulators.toSorted(byName), leftOut: leftOut.toSorted(byName) };
}

/**
 * What tells whether `findEmulators` would find others now than before: the files and what a package that replaces them changes. Starts
 * no program; costs a millisecond or two.
 */
export function traceEmulators(path: string): string {
  return JSON.stringify(
    [...listCandidates(path)].toSorted().map(([name, file]) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return [name, file, found?.ino, found?.size, found?.mtimeMs, found?.ctimeMs];
    }),
  );
}

/** `qemu-system-x86_64` and `x86_64` name the same emulator. */
export function stripPrefix(emulator: string): string {
  return emulator.startsWith(PREFIX) ? emulator.slice(PREFIX.length) : emulator;
}

/** The version in the output of `qemu-system-… --version`, or undefined when there is none. */
export function parseQemuVersion(output: string): string | undefined {
  return VERSION_PATTERN.exec(output)?.[1];
}

/** Name to real path of every executable regular file called `qemu-system-*`. */
function listCandidates(path: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const directory of new Set(path.split(":"))) {
    if (!isAbsolute(directory)) continue;
    for (const file of listDirectory(directory)) {
      const name = stripPrefix(file);
      if (name === file || found.has(name) || !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) continue;
      const real = resolveExecutable(join(directory, file));
      if (real !== undefined) found.set(name, real);
    }
  }
  return found;
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // What is on PATH and cannot be read is nothing to a shell either.
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

function resolveExecutable(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    if (!statSync(real).isFile()) return undefined;
    accessSync(real, constants.X_OK);
    return real;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

async function askVersion(file: string, deadlineMillis: number): Promise<{ version: string } | { reason: string }> {
  let result: ExecResult;
  try {
    result = await execProgram([file, "--version"], deadlineMillis);
  } catch (error) {
    return { reason: `cannot be started: ${errnoOf(error) ?? errorText(error)}` };
  }
  if (result.exit === null) return { reason: `did not answer --version within ${deadlineMillis / 1000} s` };
  if (result.exit.code !== 0) {
    const end = result.exit.code === null ? `signal ${result.exit.signal}` : `status ${result.exit.code}`;
    return { reason: `--version ended with ${end}${quoteFirstLine(result.stderr)}` };
  }
  const version = parseQemuVersion(result.stdout);
  return version === undefined
    ? { reason: `no version in what --version printed${quoteFirstLine(result.stdout)}` }
    : { version };
}

/** A QEMU may be built without the device and would refuse its command line then. It answers in 10 ms. */
async function askPanicDevice(name: string, file: string, deadlineMillis: number): Promise<string | undefined> {
  const device = PANIC_DEVICES[name];
  if (device === undefined) return undefined;
  try {
    const { exit, stdout } = await execProgram([file, "-device", `${device},help`], deadlineMillis);
    return exit?.code === 0 && stdout.startsWith(`${device} options`) ? device : undefined;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** `: <first line>` of what a program printed, short and harmless; "" when it printed nothing. */
export function quoteFirstLine(output: string): string {
  const line = output.trim().split("\n", 1)[0] ?? "";
  return line === "" ? "" : `: ${escapeControls(line.slice(0, 200))}`;
}
