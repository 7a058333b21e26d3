/** One token of TypeScript source, as far as the tests about the source need to know it. */
export interface Token {
  readonly kind: "word" | "string" | "mark";
  /** The word, the text between the quotes, or one character. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** Words behind which a `/` begins a regular expression. */
const BEFORE_REGEX = new Set(["return", "typeof", "case", "in", "of", "do", "else", "void", "throw", "new", "await"]);

/**
 * Splits source into words, strings and marks, without comments and regular expressions. Code in `${…}` of a template is split too; the
 * template's own text is a string.
 */
export function tokenize(source: string): Token[] {
  const scanner: Scanner = { source, at: 0, line: 1, tokens: [] };
  scanCode(scanner, false);
  return scanner.tokens;
}

interface Scanner {
  readonly source: string;
  at: number;
  line: number;
  readonly tokens: Token[];
}

/** Scans until the end, or until the `}` that closes a template's `${` when `inTemplate`. */
function scanCode(scanner: Scanner, inTemplate: boolean): void {
  let depth = 0;
  while (scanner.at < scanner.source.length) {
    const char = scanner.source[scanner.at] ?? "";
    if (skipComment(scanner) || scanWord(scanner)) continue;
    if (char === '"' || char === "'") scanString(scanner, char);
    else if (char === "`") scanTemplate(scanner);
    else if (char === "/" && regexMayBegin(scanner.tokens.at(-1))) skipRegex(scanner);
    else {
      if (char === "{") depth++;
      if (char === "}" && depth-- === 0 && inTemplate) return;
      if (!/\s/.test(char)) scanner.tokens.push({ kind: "mark", text: char, line: scanner.line });
      advance(scanner, 1);
    }
  }
}

function advance(scanner: Scanner, count: number): void {
  for (let step = 0; step < count; step++) {
    if (scanner.source[scanner.at] === "\n") scanner.line++;
    scanner.at++;
  }
}

function skipComment(scanner: Scanner): boolean {
  const { source, at } = scanner;
  if (!source.startsWith("//", at) && !source.startsWith("/*", at)) return false;
  // No regular expression begins with `//` or `/*`.
  const close = source[at + 1] === "/" ? source.indexOf("\n", at) : source.indexOf("*/", at + 2) + 2;
  advance(scanner, (close < at + 2 ? source.length : close) - at);
  return true;
}

function scanWord(scanner: Scanner): boolean {
  const word = /^[\p{L}_$#@][\p{L}\p{N}_$]*|^\d[\w.]*/u.exec(scanner.source.slice(scanner.at, scanner.at + 200));
  if (word === null) return false;
  scanner.tokens.push({ kind: "word", text: word[0], line: scanner.line });
  advance(scanner, word[0].length);
  return true;
}

function scanString(scanner: Scanner, quote: string): void {
  const start = scanner.at + 1;
  let end = start;
  while (end < scanner.source.length && scanner.source[end] !== quote) end += scanner.source[end] === "\\" ? 2 : 1;
  scanner.tokens.push({ kind: "string", text: scanner.source.slice(start, end), line: scanner.line });
  advance(scanner, end + 1 - scanner.at);
}

/** What stands in the text of a template where the source has a value. */
export const HOLE = "${}";

function scanTemplate(scanner: Scanner): void {
  advance(scanner, 1);
  let text = "";
  const line = scanner.line;
  while (scanner.at < scanner.source.length && scanner.source[scanner.at] !== "`") {
    if (scanner.source.startsWith("${", scanner.at)) {
      advance(scanner, 2);
      scanCode(scanner, true);
      advance(scanner, 1);
      text += HOLE;
      continue;
    }
    const length = scanner.source[scanner.at] === "\\" ? 2 : 1;
    text += scanner.source.slice(scanner.at, scanner.at + length);
    advance(scanner, length);
  }
  advance(scanner, 1);
  scanner.tokens.push({ kind: "string", text, line });
}

function regexMayBegin(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === "string") return false;
  if (last.kind === "word") return BEFORE_REGEX.has(last.text);
  return !")]}".includes(last.text);
}

function skipRegex(scanner: Scanner): void {
  let end = scanner.at + 1;
  for (let inClass = false; end < scanner.source.length; end++) {
    const char = scanner.source[end];
    if (char === "\\") end++;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) break;
  }
  advance(scanner, end + 1 - scanner.at);
  // Something stands where the value is, so that a division behind it is seen as one.
  scanner.tokens.push({ kind: "string", text: "", line: scanner.line });
}
