import { AppError } from "../base/errors.ts";

/** A word of a filter expression. */
export interface Word {
  readonly kind: "name" | "number" | "text" | "mark" | "end";
  /** A name, number or mark as it stands there; of a text what it means. */
  readonly text: string;
  /** Characters before it. */
  readonly at: number;
  /** Whether white space or the beginning stands before it. */
  readonly apart: boolean;
}

const WORD =
  /(\s*)(?:([A-Za-z][A-Za-z0-9_/]*)|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)|(`[^`]*`|"(?:[^"\\\n]|\\.)*")|(==|!=|[().[\]{}])|$)/y;

/** Cuts a filter expression into words, the last of which is its end. @throws AppError `invalid`. */
export function readWords(text: string): Word[] {
  const words: Word[] = [];
  for (let from = 0; ; ) {
    WORD.lastIndex = from;
    const match = WORD.exec(text);
    if (match === null) {
      const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
      throw filterError(text, at, "expected a selector, a value, an operator or a parenthesis");
    }
    const [whole, space = "", name, number, quoted, mark] = match;
    const at = from + space.length;
    const apart = space !== "" || from === 0;
    from += whole.length;
    if (name !== undefined) words.push({ kind: "name", text: name, at, apart });
    else if (number !== undefined) words.push({ kind: "number", text: number, at, apart });
    else if (quoted !== undefined) words.push({ kind: "text", text: unquote(quoted, text, at), at, apart });
    else if (mark !== undefined) words.push({ kind: "mark", text: mark, at, apart });
    else {
      words.push({ kind: "end", text: "", at, apart });
      return words;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '"': '"', "\\": "\\", n: "\n", t: "\t", r: "\r", a: "\u0007", b: "\b", f: "\f", v: "\v" },
};

/** A text in Go's quotes. */
function unquote(quoted: string, text: string, at: number): string {
  if (quoted.startsWith("`")) return quoted.slice(1, -1);
  return quoted
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (whole, byte, unit, letter?: string) => {
      const code: string | undefined = byte ?? unit;
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      const value = ESCAPES[letter ?? ""];
      if (value === undefined) throw filterError(text, at, `unknown escape ${whole} in a text`);
      return value;
    });
}

/** What is wrong at a place of an expression. */
export function filterError(text: string, at: number, what: string): AppError {
  const near = text.slice(at, at + 24);
  const found = near === "" ? "its end" : JSON.stringify(near);
  return new AppError("invalid", `query parameter filter: at character ${at + 1}, ${found}: ${what}`, { hint: FORMS });
}

const FORMS = 'expressions are such as Status == "running" and (Name matches "^web" or "dc1" in Datacenters)';
