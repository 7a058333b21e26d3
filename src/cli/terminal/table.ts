import { escapeControls } from "../../base/text.ts";
import { textWidth } from "../../base/text-width.ts";
import { type Piece, textOf } from "./style.ts";

const GAP = "  ";
/** A last column that would get narrower than this is not broken into lines: it would be no easier to read. */
const LEAST_WIDTH = 24;
/** A column that would be broken into lines narrower than this is not. */
const LEAST_CELL = 12;

/**
 * Rows of cells with their columns aligned. On a terminal that is too narrow the last column is broken into lines at its words.
 * @param columns width that may be filled.
 * @param indent stands before each line.
 */
export function alignRows(
  rows: readonly (readonly Piece[])[],
  columns = Number.POSITIVE_INFINITY,
  indent = "",
): Piece[][] {
  const widths: number[] = [];
  for (const row of rows) {
    // What stands last in its row needs no room to its right.
    row.slice(0, -1).forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
    });
  }
  return rows.flatMap((row) => {
    const head = row.slice(0, -1).flatMap((cell, at): Piece[] => [cell, pad((widths[at] ?? 0) - widthOf(cell)), GAP]);
    const start = row.slice(0, -1).reduce((sum, _, at) => sum + (widths[at] ?? 0) + GAP.length, indent.length);
    const last = row.at(-1) ?? "";
    return breakCell(last, columns - start).map((piece, line) =>
      line === 0 ? trimEnd([indent, ...head, piece]) : [pad(start), piece],
    );
  });
}

/**
 * Rows with a headline over them. On a terminal that is too narrow for it the widest column is broken anywhere; where that is not enough
 * each row becomes lines of its own, `Name = value`. Nothing is cut, and nothing runs into the next line.
 */
export function alignTable(
  header: readonly string[],
  rows: readonly (readonly Piece[])[],
  columns = Number.POSITIVE_INFINITY,
): Piece[][] {
  const widths = leastWidths([header, ...rows]);
  const over = tableWidth(widths) - columns;
  const widest = widths.indexOf(Math.max(...widths.slice(0, -1)));
  const rest = (widths[widest] ?? 0) - over;
  if (over > 0 && widths.length > 1 && rest >= LEAST_CELL) {
    return alignTable(
      header,
      rows.flatMap((row) => brokenAt(row, widest, rest)),
      columns,
    );
  }
  if (over > 0) {
    const factsOf = (row: readonly Piece[]) => header.map((name, at) => [name, row[at] ?? ""] as const);
    const records = rows.map((row) => {
      const facts = factsOf(row).filter(([, value]) => textOf(value) !== "");
      return alignFacts(facts, columns);
    });
    return records.flatMap((lines, at) => (at === 0 ? lines : [[], ...lines]));
  }
  return alignRows([header.map((text): Piece => ({ text, style: "bold" })), ...rows], columns);
}

/** Names with values beside them, Nomad's way: `Name = value`. */
export function alignFacts(
  facts: readonly (readonly [name: string, value: Piece])[],
  columns = Number.POSITIVE_INFINITY,
): Piece[][] {
  const width = Math.max(0, ...facts.map(([name]) => widthOf(name)));
  const start = width + " = ".length;
  return facts.flatMap(([name, value]) =>
    breakCell(value, columns - start).map((piece, line) =>
      line === 0 ? [name, pad(width - widthOf(name)), " = ", piece] : [pad(start), piece],
    ),
  );
}

/** How wide columns are, the last one as narrow as it may get. */
function leastWidths(rows: readonly (readonly Piece[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      const width = at === row.length - 1 ? Math.min(widthOf(cell), LEAST_WIDTH) : widthOf(cell);
      widths[at] = Math.max(widths[at] ?? 0, width);
    });
  }
  return widths;
}

const tableWidth = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);

/** A row in as many as one of its cells needs when it is broken. */
function brokenAt(row: readonly Piece[], column: number, width: number): Piece[][] {
  const cell = row[column] ?? "";
  const [first = "", ...more] = slices(textOf(cell), width).map((text) =>
    typeof cell === "string" ? text : { ...cell, text },
  );
  const below = more.map((piece) => [...Array.from({ length: column }, () => ""), piece]);
  return [row.map((one, at) => (at === column ? first : one)), ...below];
}

/** A text in pieces of at most so many columns. */
function slices(text: string, width: number): string[] {
  const found: string[] = [];
  let line = "";
  for (const char of escapeControls(text)) {
    if (textWidth(line + char) > width) {
      found.push(line);
      line = "";
    }
    line += char;
  }
  return [...found, line];
}

function trimEnd(line: Piece[]): Piece[] {
  let end = line.length;
  while (end > 0 && textOf(line[end - 1] ?? "").trim() === "") end--;
  return line.slice(0, end);
}

function pad(width: number): string {
  return " ".repeat(Math.max(0, width));
}

function widthOf(piece: Piece): number {
  return textWidth(escapeControls(textOf(piece)));
}

function breakCell(cell: Piece, width: number): Piece[] {
  const text = textOf(cell);
  if (width < LEAST_WIDTH || widthOf(cell) <= width) return [cell];
  return breakText(text, width).map((line) => (typeof cell === "string" ? line : { ...cell, text: line }));
}

/** A text in lines of at most `width` columns, broken at its spaces; a word that is longer stays whole. */
export function breakText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
