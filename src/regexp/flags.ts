import { quote } from "./bracket.ts";
import { SyntaxFailure } from "./syntax.ts";

/** What `(?imsU)` switches. */
export interface Flags {
  /** `i`: letters of both cases are the same. */
  readonly fold: boolean;
  /** `m`: `^` and `$` are at the beginning and end of each line. */
  readonly lines: boolean;
  /** `s`: `.` is a newline, too. */
  readonly dotNewline: boolean;
  /** `U`: `x*` takes as few as it can, and `x*?` as many. */
  readonly ungreedy: boolean;
}

/** What `(?…` begins: a group, with its flags, or flags for the rest of the group that it stands in. */
export interface Extension {
  readonly flags: Flags;
  readonly opens: "group" | "capture" | "nothing";
  /** Of a capture. */
  readonly name: string;
  readonly end: number;
}

const NAMES = { i: "fold", m: "lines", s: "dotNewline", U: "ungreedy" } as const;

/**
 * Reads `(?flags)`, `(?flags:`, `(?P<name>` or `(?<name>`.
 * @param start where the `(` is.
 * @throws SyntaxFailure for what RE2 does not have, such as lookahead.
 */
export function readExtension(source: string, start: number, flags: Flags): Extension {
  const named = /^\(\?P?</.exec(source.slice(start, start + 4))?.[0];
  if (named !== undefined && source.length > start + named.length) return readName(source, start, named, flags);
  let [next, on, saw] = [flags, true, false];
  for (let at = start + 2; at < source.length; at++) {
    const letter = source[at] ?? "";
    if (letter === ":" || letter === ")") {
      if (!on && !saw) break;
      return { flags: next, opens: letter === ":" ? "group" : "nothing", name: "", end: at + 1 };
    }
    if (letter === "-" && on) [on, saw] = [false, false];
    else if (isFlag(letter)) [next, saw] = [{ ...next, [NAMES[letter]]: on }, true];
    else break;
  }
  throw new SyntaxFailure(
    `${quote(source, start, start + 3)} begins nothing that RE2 has`,
    hintFor(source.slice(start + 2)),
  );
}

function isFlag(letter: string): letter is keyof typeof NAMES {
  return Object.hasOwn(NAMES, letter);
}

function readName(source: string, start: number, opener: string, flags: Flags): Extension {
  const close = source.indexOf(">", start);
  const name = source.slice(start + opener.length, close);
  if (close !== -1 && /^\w+$/.test(name)) return { flags, opens: "capture", name, end: close + 1 };
  const end = close === -1 ? source.length : close + 1;
  const hint = hintFor(source.slice(start + 2)) ?? "a name is of letters, digits and _";
  throw new SyntaxFailure(`${quote(source, start, end)} gives a group no name`, hint);
}

function hintFor(rest: string): string | undefined {
  if (/^<?[=!]/.test(rest)) return "RE2 has no lookahead and no lookbehind";
  if (/^>/.test(rest)) return "RE2 has no atomic groups; it never tries anything twice";
  if (/^#/.test(rest)) return "RE2 has no comments";
  if (/^\(/.test(rest)) return "RE2 has no conditions";
  return undefined;
}
