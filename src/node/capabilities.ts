import { errnoOf } from "../base/errors.ts";
import { execUntil } from "../base/exec.ts";
import type { Emulator } from "./node.ts";

/** What QEMU answers in 0.1 s. */
const HELP_MILLIS = 20_000;

/** The x86 emulators have some sixty machine types; more than this is no list of them. */
const MOST_NAMES = 1_000;

/** What an emulator was built with, as it says itself. */
export interface Capabilities {
  /** Machine types and their aliases: `pc`, `pc-q35-7.2`, `q35`. */
  readonly machines: readonly string[];
  /** Accelerators, sorted; whether this host has what they need is another question. */
  readonly accelerators: readonly string[];
}

/** Asks an emulator what it was built with; one that does not answer has no names. @param signal ends it before its time. */
export async function askCapabilities({ path }: Pick<Emulator, "path">, signal: AbortSignal): Promise<Capabilities> {
  const ask = async (option: string): Promise<string> => {
    try {
      const { exit, stdout } = await execUntil([path, option, "help"], {
        deadlineMillis: HELP_MILLIS,
        until: () => false,
        signal,
      });
      return exit?.code === 0 ? stdout : "";
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return "";
    }
  };
  return { machines: parseNames(await ask("-machine")), accelerators: parseNames(await ask("-accel")) };
}

/** The first word of each line but the titles, sorted, each once; the machine `none` is for those who talk to QEMU and run nothing. */
export function parseNames(help: string): string[] {
  const lines = help.split("\n").filter((line) => !line.trimEnd().endsWith(":"));
  const names = lines.flatMap((line) => /^[A-Za-z0-9][\w.+-]*/.exec(line)?.[0] ?? []);
  return [...new Set(names.filter((name) => name !== "none"))].toSorted().slice(0, MOST_NAMES);
}

/** The attributes of emulators: the version of each, and what is known of what it was built with. */
export function describeEmulators(
  emulators: readonly Emulator[],
  capabilities: ReadonlyMap<string, Capabilities>,
): Record<string, string> {
  return Object.fromEntries(
    emulators.flatMap(({ name, version }): [string, string][] => {
      const { machines = [], accelerators = [] } = capabilities.get(name) ?? {};
      const prefix = `driver.qemu.emulator.${name}`;
      return [
        [`${prefix}.version`, version],
        ...(machines.length > 0 ? [[`${prefix}.machines`, machines.join(",")] as [string, string]] : []),
        ...(accelerators.length > 0 ? [[`${prefix}.accelerators`, accelerators.join(",")] as [string, string]] : []),
      ];
    }),
  );
}
