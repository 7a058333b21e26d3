import { escapeControls } from "../base/text.ts";
import { type Diagnostic, sortDiagnostics } from "./diagnostic.ts";
import { isJsonText } from "./format.ts";
import type { Source } from "./source.ts";
import type { Span } from "./span.ts";

/** Columns before `|` in the lines that show the user's text; more when the number of the line is longer. */
const GUTTER = 6;
const HINT_INDENT = " ".repeat(12);
/** Characters of a line that are shown; longer lines are cut on both sides of the place. */
const MAX_LINE = 120;
/** Of those, how many stand before the place in a line that is cut. */
const BEFORE_PLACE = 40;

/**
 * The text of diagnostics for people, sorted by position, each with the line it is about, a caret line and its hint; every line ends
 * with a line end. Control characters of the user's text come out escaped, and what may be a secret as `…`.
 * @param sources the texts by the name that spans carry; without one, only the position is told.
 */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, Source>): string {
  return sortDiagnostics(diagnostics)
    .map((diagnostic) => renderDiagnostic(diagnostic, sources))
    .join("");
}

function renderDiagnostic(diagnostic: Diagnostic, sources: ReadonlyMap<string, Source>): string {
  const { span, hint, secret } = diagnostic;
  const lines = [escapeControls(renderHeadline(diagnostic))];
  const source = span === undefined ? undefined : sources.get(span.file);
  if (span !== undefined && source !== undefined) lines.push(...renderLine(source, span, secret === true));
  if (hint !== undefined) {
    for (const line of hint.split("\n")) lines.push(HINT_INDENT + escapeControls(line));
  }
  return lines.map((line) => `${line}\n`).join("");
}

function renderHeadline({ severity, span, where, message }: Diagnostic): string {
  const place = span === undefined ? [] : [`${span.file}:${span.start.line}:${span.start.column}`];
  const parts = [...place, ...(severity === "warning" ? ["warning"] : []), ...(where ? [where] : []), message];
  return parts.join(": ");
}

/** The line where the span begins, and carets below what the span covers of it; nothing for a line without text. */
function renderLine(source: Source, span: Span, secret: boolean): string[] {
  const { line } = span.start;
  const text = source.line(line);
  if (text.trim() === "") return [];
  const start = span.start.offset - source.lineStart(span.start.offset);
  const end = span.end.line === line ? start + span.end.offset - span.start.offset : text.length;
  const own = isJsonText(source.text) ? withoutOtherMembers : withoutContent;
  const shown = cutLine((secret ? blankSecret : own)({ text, start, end }));
  const number = String(line);
  const width = Math.max(GUTTER, number.length + 1);
  const before = escapeControls(shown.text.slice(0, shown.start), true);
  const marked = escapeControls(shown.text.slice(shown.start, shown.end), true);
  const after = escapeControls(shown.text.slice(shown.end), true);
  return [
    `${`${number} `.padStart(width)}| ${before}${marked}${after}`,
    `${" ".repeat(width)}| ${blankOut(before)}${"^".repeat(Math.max(1, columnsOf(marked)))}`,
  ];
}

/** A line and the stretch of it that the diagnostic is about, in UTF-16 code units. */
interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** `name =`, or a name in quotes with `=` or `:`: any other line may be one of a text of several lines, and all of it secret. */
const NAME = /^(?:[^=:"]*=|[\s{[,]*"(?:[^"\\]|\\.)*"\s*[=:])/;

/** Leaves the name before the first `=` or `:`; of a line without one, nothing. */
function blankSecret({ text, start, end }: Line): Line {
  const name = NAME.exec(text)?.[0];
  const kept = name === undefined ? (/^\s*/.exec(text)?.[0] ?? "") : `${name} `;
  return { text: `${kept}…`, start: Math.min(start, kept.length), end: Math.min(end, kept.length + 1) };
}

/** A block's content that stands on the line of its name: what is told of the block is not about it, and it may be secret. */
function withoutContent({ text, start, end }: Line): Line {
  const open = text.indexOf("{", end);
  if (open === -1 || !/^\s*(?:"(?:[^"\\]|\\.)*"\s*)*$/.test(text.slice(end, open))) return { text, start, end };
  const content = text.slice(open + 1).replace(/\}\s*$/, "");
  return content.trim() === "" ? { text, start, end } : { text: `${text.slice(0, open)}{ … }`, start, end };
}

/** The name of a member of JSON, right before a place. */
const OWN_NAME = /"(?:[^"\\]|\\.)*"\s*:\s*$/;

/** Of a line of JSON only the member that is meant, and of that no more than its value: others on the line may be secret. */
function withoutOtherMembers({ text, start, end }: Line): Line {
  const before = text.slice(0, start);
  const name = OWN_NAME.exec(before)?.[0] ?? "";
  const around = before.slice(0, before.length - name.length);
  const lead = /^[\s{[]*$/.test(around) ? around : "…";
  const behind = text.slice(end);
  const value = /^\s*(?::\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)?)?\s*[,\]}]*/.exec(behind)?.[0] ?? "";
  const rest = value.length === behind.length ? "" : "…";
  const shift = lead.length - around.length;
  const meant = withoutMembers(text.slice(start, end));
  const from = start + shift;
  return { text: lead + name + meant + value + rest, start: from, end: from + meant.length };
}

/** A value of JSON without what stands in it, which may be secret, too. */
function withoutMembers(value: string): string {
  if (!/^[{[]/.test(value) || value.slice(1, -1).trim() === "") return value;
  return `${value[0]} … ${/[}\]]$/.exec(value)?.[0] ?? ""}`.trimEnd();
}

function cutLine({ text, start, end }: Line): Line {
  if (text.length <= MAX_LINE) return { text, start, end };
  const from = start + BEFORE_PLACE <= MAX_LINE ? 0 : keepPair(text, start - BEFORE_PLACE);
  const to = Math.min(text.length, keepPair(text, from + MAX_LINE));
  const lead = from > 0 ? "…" : "";
  const move = (at: number) => Math.min(at, to) - from + lead.length;
  return { text: `${lead}${text.slice(from, to)}${to < text.length ? "…" : ""}`, start: move(start), end: move(end) };
}

/** An offset that does not cut a surrogate pair. */
function keepPair(text: string, at: number): number {
  return /[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at;
}

/** Characters that terminals draw two columns wide: East Asian wide and fullwidth blocks, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/gu;

/** White space as wide as a text; tabs stay, so that what stands below is aligned whatever their width. */
function blankOut(text: string): string {
  return text.replace(/\p{M}/gu, "").replace(WIDE, "  ").replace(/[^\t]/gu, " ");
}

function columnsOf(text: string): number {
  return blankOut(text).length;
}
