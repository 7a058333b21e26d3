import type { CST, Lexer } from "yaml";
import { yamlLibrary } from "../../runtime/yaml-library.ts";
import { YamlFault } from "./yaml-node.ts";

/** A text that holds one document. */
export interface YamlText {
  /** As the library takes them: directives, the document, and what stands around them. */
  readonly tokens: readonly CST.Token[];
  /** @throws YamlFault with the line and column of a character. */
  readonly fail: (message: string, at: number) => never;
  readonly placeOf: (at: number) => Pick<YamlFault, "line" | "column">;
}

/** Control characters, halves of characters, and the separators of Unicode, of which readers do not agree whether they end lines. */
const FORBIDDEN = /[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Splits a text into tokens and holds them against rules of libyaml that the library does not have. @param deepest how deep lists and maps
 * may be nested: what follows goes down into them. @throws YamlFault.
 */
export function readTokens(source: string, deepest: number): YamlText {
  // All these end a line.
  const text = source.replace(/^\ufeff+/, "").replace(/\r\n?|\x85/g, "\n");
  const { CST, LineCounter, Parser } = yamlLibrary();
  const lines = new LineCounter();
  lines.addNewLine(0);
  const placeOf: YamlText["placeOf"] = (at) => {
    const { line, col } = lines.linePos(at);
    return { line, column: col };
  };
  const fail: YamlText["fail"] = (message, at) => {
    throw new YamlFault(message, placeOf(at));
  };
  const forbidden = text.search(FORBIDDEN);
  if (forbidden !== -1) throw new YamlFault("this character cannot stand in YAML", placeIn(text, forbidden));
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let documents = 0;
  const take = (found: Iterable<CST.Token>): void => {
    for (const token of found) {
      if (token.type === "error") fail("nothing of this kind can stand here", token.offset);
      if (token.type === "document" && isNothing(token)) continue;
      if (token.type === "document") documents += 1;
      if (documents > 1) fail("expected the end of the only document", token.offset);
      if (token.type === "document") assertKeys(token.value, text, fail);
      tokens.push(token);
    }
  };
  let before = "";
  for (const lexeme of libyamlLexer().lex(text)) {
    const at = parser.offset;
    if (before !== CST.SCALAR) checkQuotes(lexeme, (message) => fail(message, at));
    take(parser.next(lexeme));
    // Above the lists and maps there may be the document and a scalar.
    if (parser.stack.length > deepest + 2) fail("it is nested too deep", at);
    before = lexeme;
  }
  take(parser.end());
  if (documents === 0) fail("there is no value in it", 0);
  return { tokens, fail, placeOf };
}

function placeIn(text: string, at: number): Pick<YamlFault, "line" | "column"> {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** What stands between two marks of the ends of documents. */
function isNothing({ start, value }: CST.Document): boolean {
  return value === undefined && start.every(({ type }) => type === "space" || type === "newline" || type === "comment");
}

/** How many characters there may be from the beginning of a key to its colon. */
const MAX_KEY = 1024;

/**
 * A key and its colon stand on one line, within brackets, too: otherwise the library would look for ends of lines in keys of keys once for
 * each of them. What follows a key behind a `?` in its line it would leave out.
 */
function assertKeys(token: CST.Token | null | undefined, text: string, fail: YamlText["fail"]): void {
  if (token?.type !== "block-map" && token?.type !== "block-seq" && token?.type !== "flow-collection") return;
  for (const { start, key, sep, value } of token.items) {
    if (key && sep !== undefined) {
      const colon = sep.find(({ type }) => type === "map-value-ind");
      const more = value ?? sep.find(({ type }) => type === "anchor" || type === "tag");
      if (colon === undefined && more !== undefined) fail("expected a , or : before this", more.offset);
      if (colon !== undefined && !start.some(({ type }) => type === "explicit-key-ind")) {
        assertShortKey(text.slice(key.offset, Math.min(colon.offset, key.offset + MAX_KEY + 1)), (message) =>
          fail(message, key.offset),
        );
      }
    }
    assertKeys(key, text, fail);
    assertKeys(value, text, fail);
  }
}

function assertShortKey(key: string, fail: (message: string) => never): void {
  if (key.includes("\n")) fail("a key and its colon must stand on one line");
  if (key.length > MAX_KEY) fail(`a key is longer than ${MAX_KEY} characters`);
}

/**
 * The library's lexer wants the lines of what stands in brackets or quotes to be indented further than what these are a part of; libyaml
 * does not look, and `[{` … `}, {` … `}]` below a key is often written without. How far is asked for in one property of the lexer.
 */
function libyamlLexer(): Lexer {
  const lexer = new (yamlLibrary().Lexer)();
  const state = lexer as unknown as { buffer: string; pos: number; flowLevel: number; indentNext: number };
  let indentNext = state.indentNext;
  Object.defineProperty(state, "indentNext", {
    get: () => (state.flowLevel > 0 || isInQuotes(state) ? 0 : indentNext),
    set: (value: number) => {
      indentNext = value;
    },
  });
  return lexer;
}

/** While a scalar is read the position is that of its beginning; blocks of text begin with a line, quotes that matter do not. */
function isInQuotes({ buffer, pos }: { readonly buffer: string; readonly pos: number }): boolean {
  return (buffer[pos] === '"' || buffer[pos] === "'") && buffer[pos - 1] !== "\n";
}

/** The library takes quotes as closed by one that was escaped, and escapes of JSON. */
function checkQuotes(lexeme: string, fail: (message: string) => never): void {
  if (lexeme.startsWith("'") && lexeme.split("'").length % 2 === 0) fail("the quotes are not closed");
  if (!lexeme.startsWith('"')) return;
  const bare = lexeme.slice(1).replaceAll("\\\\", "");
  if (!bare.endsWith('"') || bare.endsWith('\\"')) fail("the quotes are not closed");
  if (/\\(\/|u[dD][89a-fA-F])/.test(bare)) fail("what stands behind a backslash is not known");
}
