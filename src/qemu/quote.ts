import { AppError } from "../base/errors.ts";

/**
 * The one place that knows how QEMU's option parser reads `key=value,key=value`: a comma in a value is written twice
 * (QEMU's manual, "Syntax convention for options"), and nothing else can be escaped.
 */

const CONTROLS = /[\u0000-\u001f\u007f]/;

/**
 * Makes a value safe to stand in an option of QEMU's.
 * @param field where it comes from, for the message.
 * @throws AppError `invalid` for control characters, newline and NUL among them: no file or name of ours needs any, and some
 * of QEMU's parsers (slirp's, the pipe chardev's) would end there.
 */
export function quote(value: string, field: string): string {
  if (CONTROLS.test(value)) {
    throw new AppError(
      "invalid",
      `${field}: ${JSON.stringify(value)} has a control character, which QEMU cannot be given`,
    );
  }
  return value.replaceAll(",", ",,");
}

/** One `key=value` of an option, as QEMU's parser sees it. */
export interface OptionPart {
  /** "" for a first part without `=`, whose key the option implies. */
  readonly key: string;
  readonly value: string;
}

/** Takes an option apart as QEMU does: doubled commas are commas, a later part without `=` is a switch that is on. */
export function splitOption(text: string): readonly OptionPart[] {
  const parts = text.replaceAll(",,", "\0").split(",");
  return parts.map((part, index) => {
    const equals = part.indexOf("=");
    const unquote = (piece: string): string => piece.replaceAll("\0", ",");
    if (equals !== -1) return { key: unquote(part.slice(0, equals)), value: unquote(part.slice(equals + 1)) };
    return index === 0 ? { key: "", value: unquote(part) } : { key: unquote(part), value: "on" };
  });
}

/** The value that counts for a key, the last one given; `implied` is the key that a first part without `=` has. */
export function optionValue(parts: readonly OptionPart[], key: string, implied?: string): string | undefined {
  return parts.findLast((part) => part.key === key || (part.key === "" && key === implied))?.value;
}
