import { OPTIONS_WITH_VALUE } from "./options.ts";
import { optionValue, splitOption } from "./quote.ts";

/** The words of `config.args` as QEMU will read them. */
export type Argument =
  | {
      readonly kind: "option";
      /** Of the option's word in `args`. */
      readonly index: number;
      /** As the user wrote it. */
      readonly word: string;
      /** Without its one or two dashes, which mean the same to QEMU. */
      readonly name: string;
      /** null for an option that takes none, and for one whose value is missing. */
      readonly value: string | null;
    }
  /** QEMU takes a word that is neither option nor value for the name of a disk image. */
  | { readonly kind: "image"; readonly index: number; readonly word: string };

export type OptionArgument = Extract<Argument, { kind: "option" }>;

/** Reads `args` in QEMU's way. An option that is not known here is taken to have no value. */
export function readArguments(args: readonly string[]): readonly Argument[] {
  const found: Argument[] = [];
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    if (!word.startsWith("-")) {
      found.push({ kind: "image", index, word });
      continue;
    }
    const name = word.replace(/^--?/, "");
    if (!OPTIONS_WITH_VALUE.has(name)) {
      found.push({ kind: "option", index, word, name, value: null });
      continue;
    }
    found.push({ kind: "option", index, word, name, value: args[index + 1] ?? null });
    index++;
  }
  return found;
}

/** Every use of one of these options. */
export function optionsNamed(args: readonly Argument[], ...names: readonly string[]): readonly OptionArgument[] {
  return args.filter((argument): argument is OptionArgument => {
    return argument.kind === "option" && names.includes(argument.name);
  });
}

/** Devices that take the place of QEMU's default serial port (`default_list` of QEMU's vl.c). */
const SERIAL_DEVICES = new Set(["isa-serial", "xen-console"]);

/** The user's words that bring a serial port of their own, such as `-serial mon:stdio`; undefined when the console is ours to place. */
export function ownSerial(args: readonly Argument[]): string | undefined {
  const own = optionsNamed(args, "serial", "device").find((argument) => {
    return argument.name === "serial" || SERIAL_DEVICES.has(typeOf(argument.value ?? "", "driver"));
  });
  return own === undefined ? undefined : `${own.word} ${own.value ?? ""}`;
}

/** The user's words that ask for KVM in `args` instead of in `accelerator`; undefined when there are none. */
export function ownKvm(args: readonly Argument[]): string | undefined {
  const own = optionsNamed(args, "enable-kvm", "accel", "machine", "M").find(({ name, value }) => {
    if (name === "enable-kvm") return true;
    const accel = optionValue(splitOption(value ?? ""), "accel", name === "accel" ? "accel" : "type");
    return accel?.split(":").includes("kvm") ?? false;
  });
  return own === undefined ? undefined : [own.word, own.value ?? ""].join(" ").trim();
}

/**
 * The kind of thing that a value of `-device`, `-netdev` and their like describes, from either of QEMU's two spellings
 * (`user,id=n` and JSON); "" when it has none.
 */
export function typeOf(value: string, key: string): string {
  const properties = jsonOf(value);
  if (properties === undefined) return optionValue(splitOption(value), key, key) ?? "";
  const type = properties[key];
  return typeof type === "string" ? type : "";
}

/** The properties of a value in QEMU's JSON spelling; undefined for the other one, and for JSON that QEMU will refuse. */
export function jsonOf(value: string): Readonly<Record<string, unknown>> | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    // QEMU says in its own words what is wrong with it.
    return undefined;
  }
}
