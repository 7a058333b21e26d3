import { escapeControls } from "../../base/text.ts";
import { textWidth } from "../../base/text-width.ts";
import { type Piece, textOf } from "./style.ts";

const GAP = "  ";
/** A last column that would get narrower than this is not broken into lines: it would be no easier to read. */
const LEAST_WIDTH = 24;

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
 * Rows with a headline over them. On a terminal that is too narrow for it each row becomes lines of its own, `Name = value`, so that nothing
 * is cut and nothing runs into the next line.
 */
export function alignTable(
  header: readonly string[],
  rows: readonly (readonly Piece[])[],
  columns = Number.POSITIVE_INFINITY,
): Piece[][] {
  if (leastWidth([header, ...rows]) > columns) {
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

/** What a table takes with its last column as narrow as that may get. */
function leastWidth(rows: readonly (readonly Piece[])[]): number {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      const width = at === row.length - 1 ? Math.min(widthOf(cell), LEAST_WIDTH) : widthOf(cell);
      widths[at] = Math.max(widths[at] ?? 0, width);
    });
  }
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, widths.length - 1);
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
