import { TemplateFault } from "./fault.ts";

const SIMPLE: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", '"': '"', "'": "'" },
};

/** How many digits stand behind an escape's letter, and in which base; octal ones have no letter. */
const NUMBERED: Readonly<Record<string, readonly [digits: number, base: 8 | 16]>> = {
  ...{ x: [2, 16], u: [4, 16], U: [8, 16] },
  ...Object.fromEntries([..."01234567"].map((digit) => [digit, [3, 8] as const])),
};

/**
 * Reads a text of Go's at its first quote: `"…"` with escapes, raw in backquotes, or one character in single quotes.
 * @throws TemplateFault.
 */
export function readQuoted(text: string, at: number, line: number): { readonly value: string; readonly end: number } {
  const quote = text[at] ?? "";
  if (quote === "`") {
    const end = text.indexOf("`", at + 1);
    if (end === -1) throw unclosed("raw text in ` has no end", line);
    return { value: text.slice(at + 1, end), end: end + 1 };
  }
  const parts: (string | number)[] = [];
  let place = at + 1;
  while (text[place] !== quote) {
    const character = String.fromCodePoint(text.codePointAt(place) ?? 10);
    if (character === "\n") throw unclosed(`text in ${quote} has no end on its line`, line);
    if (character !== "\\") {
      parts.push(character);
      place += character.length;
      continue;
    }
    const { part, length } = readEscape(text, place, line);
    parts.push(part);
    place += length;
  }
  if (quote === "'" && parts.length !== 1) {
    throw new TemplateFault("one character stands in single quotes", { hint: 'write text in "…" or `…`', line });
  }
  return { value: joinParts(parts, line), end: place + 1 };
}

const unclosed = (message: string, line: number): TemplateFault => new TemplateFault(message, { line });

/** A character, or a byte of one. */
function readEscape(
  text: string,
  at: number,
  line: number,
): { readonly part: string | number; readonly length: number } {
  const letter = text[at + 1] ?? "";
  const simple = Object.hasOwn(SIMPLE, letter) ? SIMPLE[letter] : undefined;
  if (simple !== undefined) return { part: simple, length: 2 };
  const numbered = Object.hasOwn(NUMBERED, letter) ? NUMBERED[letter] : undefined;
  if (numbered === undefined) throw new TemplateFault("text holds an escape that Go does not know", { line });
  const [digits, base] = numbered;
  const from = at + (base === 8 ? 1 : 2);
  const spelled = text.slice(from, from + digits);
  const pattern = base === 8 ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/;
  const code = Number.parseInt(spelled, base);
  const isByte = letter !== "u" && letter !== "U";
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (spelled.length < digits || !pattern.test(spelled) || (isByte ? code > 0xff : !isCharacter)) {
    throw new TemplateFault("text holds an escape without its digits", { line });
  }
  return { part: isByte ? code : String.fromCodePoint(code), length: from - at + digits };
}

function joinParts(parts: readonly (string | number)[], line: number): string {
  if (parts.every((part) => typeof part === "string" || part < 0x80)) {
    return parts.map((part) => (typeof part === "string" ? part : String.fromCharCode(part))).join("");
  }
  const bytes = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));
  const value = bytes.toString("utf8");
  if (!Buffer.from(value).equals(bytes)) throw new TemplateFault("text holds bytes that are no UTF-8", { line });
  return value;
}
