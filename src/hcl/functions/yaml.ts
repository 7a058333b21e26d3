import { Buffer } from "node:buffer";
import type { Budget } from "../budget.ts";
import { type Datum, isMapping, isSequence, type Mapping, sortedEntries, text } from "../cty/datum.ts";
import { formatNumber } from "../cty/number.ts";
import { nullableParameter, textAt, textParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";
import { decodeYaml } from "./yaml-decode.ts";

/** Between YAML and values; written character by character as Nomad does: blocks, text in double quotes, text of several lines as a block. */
export const YAML_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  yamldecode: { parameters: [textParameter("src")], run: (args, { budget }) => decodeYaml(textAt(args, 0), budget) },
  yamlencode: {
    parameters: [nullableParameter("value")],
    run: ([arg], { budget }) => text(arg === undefined ? "" : new Writer(budget).document(arg)),
  },
};

/** Lines of quoted text are broken at the first space behind this column. */
const WIDTH = 80;
const INDENT = 2;
/** Longer keys would stand behind a `?`, in UTF-8. */
const MAX_KEY_BYTES = 128;

class Writer {
  readonly #budget: Budget;
  readonly #parts: string[] = [];
  /** Of the next character, from 0. */
  #column = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  document(value: Datum): string {
    if (isFilled(value)) this.#collection(value, 0);
    else this.#scalar(value, INDENT);
    this.#endLine();
    // What stands alone without quotes might go on, but for this.
    if (value.kind === "number" || value.kind === "bool" || value.kind === "null") this.#write("...\n");
    return this.#parts.join("");
  }

  #write(piece: string): void {
    this.#budget.text(piece.length);
    this.#parts.push(piece);
    const line = piece.lastIndexOf("\n");
    this.#column = line === -1 ? this.#column + [...piece].length : [...piece.slice(line + 1)].length;
  }

  #endLine(): void {
    if (this.#column > 0) this.#write("\n");
  }

  /** Goes to a column, on the next line unless this one holds nothing behind it. */
  #goTo(column: number): void {
    if (this.#column > column) this.#write("\n");
    this.#write(" ".repeat(column - this.#column));
  }

  /** @param indent of its items or keys; the first one goes on where the line is. */
  #collection(value: Datum, indent: number): void {
    if (isSequence(value)) {
      for (const item of value.items) {
        this.#goTo(indent);
        this.#write("-");
        this.#item(item, indent);
      }
    } else if (isMapping(value)) this.#mapping(value, indent);
  }

  #item(value: Datum, indent: number): void {
    this.#write(" ");
    if (isFilled(value)) this.#collection(value, indent + INDENT);
    else this.#scalar(value, indent + INDENT);
  }

  #mapping(value: Mapping, indent: number): void {
    for (const [key, part] of sortedEntries(value)) {
      if (Buffer.byteLength(key) > MAX_KEY_BYTES || /[\n\r\u0085\u2028\u2029]/.test(key)) {
        throw new CallProblem(`a key has several lines or more than ${MAX_KEY_BYTES} bytes`, 0);
      }
      this.#goTo(indent);
      this.#write(`"${escapeText(key)}":`);
      if (isSequence(part) && isFilled(part)) {
        // The items of a list stand below its key and no further right.
        this.#write("\n");
        this.#collection(part, indent);
      } else if (isFilled(part)) {
        this.#write("\n");
        this.#collection(part, indent + INDENT);
      } else {
        this.#write(" ");
        this.#scalar(part, indent + INDENT);
      }
    }
  }

  /** @param indent of its further lines. */
  #scalar(value: Datum, indent: number): void {
    switch (value.kind) {
      case "string":
        if (isBlock(value.value)) this.#block(value.value, indent);
        else this.#quoted(value.value, indent);
        break;
      case "number":
        this.#write(formatNumber(value.value));
        break;
      case "bool":
        this.#write(String(value.value));
        break;
      case "null":
        this.#write("null");
        break;
      default:
        this.#write(isSequence(value) ? "[]" : "{}");
    }
  }

  #block(value: string, indent: number): void {
    const hint = /^[ \n\u2028\u2029]/.test(value) ? String(INDENT) : "";
    const end = /[\n\u2028\u2029]$/.test(value)
      ? /(^|[\n\u2028\u2029])[\n\u2028\u2029]$/.test(value)
        ? "+"
        : ""
      : "-";
    this.#write(`|${hint}${end}\n`);
    for (const line of value.split(/(?<=[\n\u2028\u2029])/)) {
      const filled = /^[^\n\u2028\u2029]/.test(line);
      this.#write(filled ? " ".repeat(indent) + line : line);
    }
  }

  #quoted(value: string, indent: number): void {
    this.#write('"');
    const chars = [...value];
    let line = "";
    let spaces = false;
    for (const [at, char] of chars.entries()) {
      const column = this.#column + line.length;
      if (char === " " && !spaces && column > WIDTH && at > 0 && at < chars.length - 1) {
        this.#write(`${line}\n${" ".repeat(indent)}${chars[at + 1] === " " ? "\\" : ""}`);
        line = "";
      } else line += escapeText(char);
      spaces = char === " ";
      if (line.length > 0 && char !== " " && line.length > WIDTH) {
        this.#write(line);
        line = "";
      }
    }
    this.#write(`${line}"`);
  }
}

function isFilled(value: Datum): boolean {
  return (isSequence(value) && value.items.length > 0) || (isMapping(value) && value.entries.size > 0);
}

/** Whether text stands as a block of lines: it has several, no spaces at their ends, and nothing that needs an escape. */
function isBlock(value: string): boolean {
  if (!value.includes("\n") || / $| [\n\u2028\u2029]/.test(value)) return false;
  return !UNPRINTABLE.test(value);
}

/** What YAML's printers escape: control characters but line ends, and all beyond the first plane. */
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff]|[\u{10000}-\u{10ffff}]/u;
const ESCAPED = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff"\\]|[\u{10000}-\u{10ffff}]/gu;

const SHORT: Readonly<Record<string, string>> = {
  "\u0000": "0",
  "\u0007": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  "\u001b": "e",
  '"': '"',
  "\\": "\\",
  "\u0085": "N",
  "\u2028": "L",
  "\u2029": "P",
};

function escapeText(value: string): string {
  return value.replace(ESCAPED, (char) => {
    const short = SHORT[char];
    if (short !== undefined) return `\\${short}`;
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16).toUpperCase();
    if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
    return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
}
