import type { Expression, Loop, TemplatePart } from "../ast.ts";
import { quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import { isWord, parseLoop } from "./loop.ts";
import type { ParseExpression } from "./postfix.ts";

/** `%{…}` as it stands among the parts of a template, before it is known what it encloses. */
export type Directive = { readonly span: Span } & (
  | { readonly kind: "openIf"; readonly condition: Expression }
  | { readonly kind: "openFor"; readonly loop: Loop }
  | { readonly kind: "else" | "endif" | "endfor" }
);

/** Reads `%{if …}`, `%{else}`, `%{endif}`, `%{for …}` or `%{endfor}`, whose opening is the current token. */
export function parseDirective(cursor: Cursor, parseExpression: ParseExpression): { part: Directive; close: Token } {
  const open = cursor.token;
  const { value, close } = cursor.bracketed(false, () => {
    const content = parseContent(cursor, parseExpression);
    if (cursor.is("openQuote")) cursor.failUnclosed(open);
    if (!cursor.is("closeTemplate")) cursor.failInside(open, '"}"');
    return content;
  });
  return { part: { ...value, span: cursor.span(open, close) }, close };
}

type Content =
  | { readonly kind: "openIf"; readonly condition: Expression }
  | { readonly kind: "openFor"; readonly loop: Loop }
  | { readonly kind: "else" | "endif" | "endfor" };

function parseContent(cursor: Cursor, parseExpression: ParseExpression): Content {
  if (isWord(cursor, "for")) return { kind: "openFor", loop: parseLoop(cursor, parseExpression) };
  const word = cursor.is("identifier") ? cursor.text(cursor.token) : "";
  switch (word) {
    case "if":
      cursor.advance();
      return { kind: "openIf", condition: parseExpression(cursor) };
    case "else":
    case "endif":
    case "endfor":
      cursor.advance();
      return { kind: word };
    default: {
      const what = word === "" ? cursor.found() : quoteName(word);
      return cursor.fail(`expected "if", "else", "endif", "for" or "endfor" in "%{…}", found ${what}`, HINT_LITERAL);
    }
  }
}

const HINT_LITERAL = 'for the text "%{" write "%%{"';

/** Any part of a template but a directive. */
type Leaf = Exclude<TemplatePart, { kind: "if" | "for" }>;

/** A directive that is open, and what has been read in it. */
interface Frame {
  readonly opening: Extract<Directive, { kind: "openIf" | "openFor" }>;
  readonly parts: TemplatePart[];
  /** The parts before `%{else}`, once there was one. */
  yes: TemplatePart[] | undefined;
}

/**
 * Puts what directives enclose into them.
 * @returns undefined when one is never closed or closes nothing, which is told.
 */
export function nestParts(cursor: Cursor, parts: readonly (Leaf | Directive)[]): TemplatePart[] | undefined {
  const root: TemplatePart[] = [];
  const frames: Frame[] = [];
  for (const part of parts) {
    const frame = frames.at(-1);
    const target = frame?.parts ?? root;
    if (part.kind === "text" || part.kind === "interpolation") target.push(part);
    else if (part.kind === "openIf" || part.kind === "openFor") {
      if (frames.length === MAX_OPEN) return refuse(cursor, part.span, `directives nested more than ${MAX_OPEN} deep`);
      frames.push({ opening: part, parts: [], yes: undefined });
    } else if (frame === undefined || !fits(part.kind, frame)) return refuseStray(cursor, part, frame);
    else if (part.kind === "else") frame.yes = frame.parts.splice(0);
    else {
      frames.pop();
      (frames.at(-1)?.parts ?? root).push(close(frame, part.span));
    }
  }
  const [open] = frames;
  if (open === undefined) return root;
  const word = open.opening.kind === "openIf" ? "if" : "for";
  return refuse(cursor, open.opening.span, `"%{${word}}" is never closed: no "%{end${word}}" follows in this text`);
}

/** How many directives may stand in each other; as deep as blocks may. */
const MAX_OPEN = 100;

function fits(kind: "else" | "endif" | "endfor", { opening, yes }: Frame): boolean {
  if (kind === "else") return opening.kind === "openIf" && yes === undefined;
  return opening.kind === (kind === "endif" ? "openIf" : "openFor");
}

function close({ opening, parts, yes }: Frame, end: Span): TemplatePart {
  const span = { ...opening.span, end: end.end };
  if (opening.kind === "openFor") return { kind: "for", loop: opening.loop, parts, span };
  return { kind: "if", condition: opening.condition, yes: yes ?? parts, no: yes === undefined ? [] : parts, span };
}

function refuseStray(cursor: Cursor, part: Directive, frame: Frame | undefined): undefined {
  const found = `"%{${part.kind}}"`;
  if (frame === undefined) return refuse(cursor, part.span, `nothing is open that this ${found} could belong to`);
  const word = frame.opening.kind === "openIf" ? "if" : "for";
  const { line } = frame.opening.span.start;
  return refuse(cursor, part.span, `${found} does not belong to the "%{${word}}" that is open since line ${line}`);
}

function refuse(cursor: Cursor, { start, end }: Span, message: string): undefined {
  cursor.report(start.offset, end.offset, message, HINT_LITERAL);
  return undefined;
}
