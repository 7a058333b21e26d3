import { type CharacterSet, characterSet, type SetGroup, type SetPart } from "./character-set.ts";
import { type ReadCharacter, readCharacter, readEscape } from "./escape.ts";
import { perlGroup, posixGroup, unicodeGroup } from "./named-sets.ts";
import { SyntaxFailure } from "./syntax.ts";

interface ReadGroup {
  readonly group: SetGroup;
  readonly end: number;
}

/**
 * A set in brackets, `[^a-z\d[:punct:]]`.
 * @param start where the `[` is.
 * @throws SyntaxFailure with what is wrong in it.
 */
export function readBracket(source: string, start: number, fold: boolean): { set: CharacterSet; end: number } {
  const negated = source[start + 1] === "^";
  const singles: SetPart[] = [];
  const groups: SetGroup[] = [];
  let at = start + (negated ? 2 : 1);
  // The first character may be `]` itself.
  for (let first = true; first || source[at] !== "]"; first = false) {
    if (at >= source.length) throw new SyntaxFailure(`${quote(source, start)} has no ]`);
    const named = readPosix(source, at) ?? readNamedSet(source, at);
    if (named === undefined) {
      const range = readRange(source, at, start);
      singles.push(range.part);
      at = range.end;
    } else {
      groups.push(named.group);
      at = named.end;
    }
  }
  const all = singles.length === 0 ? groups : [{ parts: singles, negated: false }, ...groups];
  return { set: characterSet(all, { fold, negated }), end: at + 1 };
}

/** `\d` and its like, `\pL`, `\p{Greek}`; undefined where none begins. */
export function readNamedSet(source: string, at: number): ReadGroup | undefined {
  if (source[at] !== "\\") return undefined;
  const letter = source[at + 1] ?? "";
  if (letter !== "p" && letter !== "P") {
    const group = perlGroup(letter);
    return group && { group, end: at + 2 };
  }
  if (at + 2 >= source.length) return undefined;
  const close = source[at + 2] === "{" ? source.indexOf("}", at) : undefined;
  if (close === -1) throw new SyntaxFailure(`${quote(source, at)} has no }`);
  const end = close === undefined ? readCharacter(source, at + 2).end : close + 1;
  const name = close === undefined ? source.slice(at + 2, end) : source.slice(at + 3, close);
  const group = unicodeGroup(name);
  if (group === undefined) {
    throw new SyntaxFailure(
      `${quote(source, at, end)} names no category or script of Unicode`,
      "categories are named L, Lu, Nd, … and scripts Latin, Greek, …",
    );
  }
  return { group: letter === "P" ? { ...group, negated: !group.negated } : group, end };
}

function readPosix(source: string, at: number): ReadGroup | undefined {
  if (!source.startsWith("[:", at) || at + 2 >= source.length) return undefined;
  const close = source.indexOf(":]", at + 2);
  if (close === -1) return undefined;
  const group = posixGroup(source.slice(at + 2, close));
  if (group === undefined) throw new SyntaxFailure(`${quote(source, at, close + 2)} names no class`);
  return { group, end: close + 2 };
}

function readRange(source: string, at: number, start: number): { part: SetPart; end: number } {
  const first = readMember(source, at, start);
  const isRange = source[first.end] === "-" && source[first.end + 1] !== "]";
  const last = isRange ? readMember(source, first.end + 1, start) : first;
  if (last.codePoint < first.codePoint) {
    throw new SyntaxFailure(`${quote(source, at, last.end)} goes from a later character to an earlier one`);
  }
  return { part: { from: first.codePoint, to: last.codePoint }, end: last.end };
}

function readMember(source: string, at: number, start: number): ReadCharacter {
  if (at >= source.length) throw new SyntaxFailure(`${quote(source, start)} has no ]`);
  return source[at] === "\\" ? readEscape(source, at) : readCharacter(source, at);
}

/** As much of a text as a message wants. */
const LONGEST_QUOTE = 40;

/** The part of an expression that a message is about. */
export function quote(source: string, start: number, end = source.length): string {
  const text = source.slice(start, end);
  const shown = text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE).toWellFormed()}…`;
  // Expressions are full of backslashes, which are shown as they were written.
  return JSON.stringify(shown).replaceAll("\\\\", "\\");
}
