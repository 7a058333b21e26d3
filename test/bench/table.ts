import type { Budget, Figure, Unit } from "./bench.ts";

const DIGITS: Readonly<Record<Unit, number>> = { ms: 1, s: 2, MB: 1, KB: 0, "%": 2 };

/** The figures as a table in plain text, with a line for each note below it. */
export function formatTable(figures: readonly Figure[]): string {
  const notes = [...new Set(figures.flatMap(({ note }) => note ?? []))];
  const rows = [["", "plain", "paddock", "ratio", "budget", ""], ...figures.map((figure) => cells(figure, notes))];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, ...notes.map((note, index) => `[${index + 1}] ${note}`)].join("\n");
}

function cells({ what, unit, plain, paddock, budget, note }: Figure, notes: readonly string[]): string[] {
  const show = (value: number): string => `${value.toFixed(DIGITS[unit])} ${unit}`;
  const mark = note === undefined ? "" : ` [${notes.indexOf(note) + 1}]`;
  return [
    `${what}${mark}`,
    plain === undefined ? "-" : show(plain),
    show(paddock),
    plain === undefined ? "-" : (paddock / plain).toFixed(2),
    budget === undefined ? "-" : "ratio" in budget ? `<= ${budget.ratio.toFixed(2)} x` : `<= ${budget.most} ${unit}`,
    budget === undefined ? "" : isWithin({ plain, paddock }, budget) ? "ok" : "over",
  ];
}

function isWithin({ plain, paddock }: { plain: number | undefined; paddock: number }, budget: Budget): boolean {
  if ("most" in budget) return paddock <= budget.most;
  if (plain === undefined) throw new Error("a ratio needs the plain tool's figure");
  return paddock / plain <= budget.ratio;
}
