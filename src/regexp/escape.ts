import { SyntaxFailure } from "./syntax.ts";

/** A character, and where what follows begins. */
export interface ReadCharacter {
  readonly codePoint: number;
  readonly end: number;
}

const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

const LAST_CODE_POINT = 0x10ffff;

/** The character at `at`; the caller knows that there is one. */
export function readCharacter(source: string, at: number): ReadCharacter {
  const codePoint = source.codePointAt(at) ?? 0;
  return { codePoint, end: at + (codePoint > 0xffff ? 2 : 1) };
}

/**
 * The one character that an escape stands for: `\.`, `\n`, `\x41`, `\x{1f600}`, `\012`.
 * @param at where the `\` is.
 * @throws SyntaxFailure for an escape that RE2 does not have.
 */
export function readEscape(source: string, at: number): ReadCharacter {
  const rest = source.slice(at + 1, at + 1 + LONGEST_ESCAPE);
  if (rest === "") throw new SyntaxFailure("\\ stands at the end", "write \\\\ for the character itself");
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest)?.[0];
  if (octal !== undefined) return { codePoint: Number.parseInt(octal, 8), end: at + 1 + octal.length };
  const [whole, braced, two] = /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest) ?? [];
  const hex = braced ?? two;
  if (whole !== undefined && hex !== undefined) {
    const codePoint = Number.parseInt(hex, 16);
    if (codePoint <= LAST_CODE_POINT) return { codePoint, end: at + 1 + whole.length };
  }
  const { codePoint, end } = readCharacter(source, at + 1);
  const character = String.fromCodePoint(codePoint);
  const control = Object.hasOwn(CONTROLS, character) ? CONTROLS[character] : undefined;
  if (control !== undefined) return { codePoint: control, end };
  if (codePoint < 0x80 && !/[0-9A-Za-z]/.test(character)) return { codePoint, end };
  throw new SyntaxFailure(`\\${character} is no escape of RE2`, hintFor(character));
}

/** Zeros in front do not make a number larger. */
const LONGEST_ESCAPE = 1_000;

function hintFor(character: string): string | undefined {
  if (/[1-9]/.test(character) || character === "k") return "RE2 has no back-references";
  if (character === "Z") return "\\z is the end of the text";
  if (character === "G" || character === "K" || character === "R" || character === "X") {
    return `\\${character} is of other kinds of expressions`;
  }
  return undefined;
}
