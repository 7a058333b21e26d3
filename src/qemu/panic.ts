import type { Emulator } from "../node/node.ts";
import { type Argument, optionsNamed, typeOf } from "./arguments.ts";
import type { Word } from "./launch.ts";
import { optionValue, splitOption } from "./quote.ts";

/** Boards with a bus for the device: ISA on x86, PCI on Arm's `virt`. `microvm`, `isapc` and `none` have not what it needs. */
const BOARDS: Readonly<Record<string, RegExp>> = {
  pvpanic: /^(pc|q35)(-|$)/,
  "pvpanic-pci": /^virt(-|$)/,
};

/**
 * The device by which a guest's kernel tells that it panicked; without it QEMU runs on for ever and nobody knows. None where
 * `args` bring one, or ask by `-nodefaults` for nothing that they do not name: a guest sees the device.
 */
export function panicWords(
  args: readonly Argument[],
  { panicDevice }: Pick<Emulator, "panicDevice">,
  machineType: string,
): readonly Word[] {
  if (panicDevice === undefined || BOARDS[panicDevice]?.test(boardOf(args, machineType)) !== true) return [];
  if (optionsNamed(args, "nodefaults").length > 0) return [];
  if (optionsNamed(args, "device").some(({ value }) => typeOf(value ?? "", "driver").startsWith("pvpanic"))) return [];
  const why = "a panic of the guest's kernel is told; -nodefaults in args leaves it out";
  return ["-device", panicDevice].map((word) => ({ word, origin: { kind: "paddock", why } }));
}

/** The machine type that QEMU will take: the last one named. */
function boardOf(args: readonly Argument[], machineType: string): string {
  const named = optionsNamed(args, "machine", "M").flatMap(({ value }) => {
    return optionValue(splitOption(value ?? ""), "type", "type") ?? [];
  });
  return named.at(-1) ?? machineType;
}

/** Whether `args` ask that a machine whose guest panicked is kept for somebody to look at: `-action panic=pause`, the last one named. */
export function keepsPanicked(words: readonly Word[]): boolean {
  const named = words.flatMap(({ word, origin }, at) => {
    if (origin.kind !== "args" || !/^--?action$/.test(word)) return [];
    return optionValue(splitOption(words[at + 1]?.word ?? ""), "panic") ?? [];
  });
  return named.at(-1) === "pause";
}
