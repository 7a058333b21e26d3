import type { Style } from "./style.ts";
import { breakText } from "./table.ts";
import type { Output } from "./terminal.ts";

/** Prints a text with a word in front of it, such as `warning`, in as many lines as the terminal needs; a path stays whole. */
export function printLabelled(out: Output, label: "warning" | "note", text: string): void {
  const [first = "", ...rest] = text.split("\n").flatMap((line, at) => {
    const whole = at === 0 ? `${label}: ${line}` : line;
    return whole.length <= out.columns ? [whole] : breakText(whole, out.columns);
  });
  out.line({ text: `${label}: `, style: STYLES[label] }, first.slice(label.length + 2));
  for (const line of rest) out.line(line);
}

const STYLES: Readonly<Record<"warning" | "note", Style>> = { warning: "yellow", note: "bold" };
