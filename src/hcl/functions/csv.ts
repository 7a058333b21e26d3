import { CallProblem } from "./function.ts";

/** A line of comma-separated values; `line` is where it begins, from 1. */
export interface Row {
  readonly fields: readonly string[];
  readonly line: number;
}

const PLAIN = /[^",\n]*/y;
/** One turn for each pair of quotes and not for each character: turns are limited to some hundred thousand. */
const QUOTED = /"[^"]*(?:""[^"]*)*"/y;

/**
 * Reads comma-separated values by RFC 4180, as strictly as Go does: a quote stands only around a whole field. Lines without anything
 * are passed over. @throws CallProblem with the line.
 */
export function readCsv(source: string): Row[] {
  const text = source.replaceAll("\r\n", "\n");
  const rows: Row[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    if (text[at] === "\n") {
      at++;
      line++;
      continue;
    }
    const fields: string[] = [];
    const first = line;
    for (;;) {
      const quoted = text[at] === '"';
      const field = match(quoted ? QUOTED : PLAIN, text, at);
      if (field === undefined) throw new CallProblem(`line ${line}: a quote is never closed`, 0);
      fields.push(quoted ? field.slice(1, -1).replaceAll('""', '"') : field);
      at += field.length;
      line += field.split("\n").length - 1;
      const next = text[at];
      at++;
      if (next === ",") continue;
      if (next === undefined || next === "\n") break;
      throw new CallProblem(`line ${line}: a quote stands within a field`, 0);
    }
    line++;
    rows.push({ fields, line: first });
  }
  return rows;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
