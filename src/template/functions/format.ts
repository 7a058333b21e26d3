import { TemplateFault } from "../fault.ts";
import { describeItem, type Item, textItem } from "../item.ts";
import { printItem } from "../print.ts";
import { type FunctionTable, type Surroundings, textAt } from "./function.ts";

/** Go's `print`, `println` and `printf`. What Go prints for a verb that does not fit its value is an error. */
export const FORMAT_FUNCTIONS: FunctionTable = {
  print: { least: 0, most: Infinity, run: print },
  println: {
    least: 0,
    most: Infinity,
    run: (values, surroundings) => textItem(`${values.map((item) => inText(item, surroundings)).join(" ")}\n`),
  },
  printf: { least: 1, most: Infinity, run: printf },
};

function inText(item: Item, { budget }: Surroundings): string {
  const text = printItem(item, budget, true);
  budget.text(text.length);
  return text;
}

/** Space stands between two values of which neither is text. */
function print(values: readonly Item[], surroundings: Surroundings): Item {
  const parts = values.map((item, at) => {
    const before = values[at - 1];
    const spaced = before !== undefined && before.kind !== "text" && item.kind !== "text";
    return `${spaced ? " " : ""}${inText(item, surroundings)}`;
  });
  return textItem(parts.join(""));
}

const VERB = /%([0#+ -]*)(\d+)?(?:\.(\d*))?(?:([vsdqtxXobcUeEfFgG%]))?/y;

/** Wider and more precise than any text that somebody reads. */
const MOST_DIGITS = 4096;

interface Verb {
  readonly letter: string;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

function printf(values: readonly Item[], surroundings: Surroundings): Item {
  const [format, ...rest] = [textAt(values, 0), ...values.slice(1)];
  const parts: string[] = [];
  let used = 0;
  for (let at = 0; at < format.length; ) {
    const sign = format.indexOf("%", at);
    parts.push(format.slice(at, sign === -1 ? undefined : sign));
    if (sign === -1) break;
    VERB.lastIndex = sign;
    const [whole = "%", flags = "", width = "0", precision, letter] = VERB.exec(format) ?? [];
    at = sign + whole.length;
    if (letter === undefined) throw new TemplateFault("a verb of the format is not known", { hint: "write %% for %" });
    if (Number(width) > MOST_DIGITS || Number(precision ?? 0) > MOST_DIGITS) {
      throw new TemplateFault(`a number in the format is above ${MOST_DIGITS}`);
    }
    if (letter === "%") {
      parts.push("%");
      continue;
    }
    const item = rest[used++];
    if (item === undefined)
      throw new TemplateFault(`the format has more verbs than the ${rest.length} values behind it`);
    const digits = precision === undefined ? undefined : Number(precision);
    const part = formatItem({ letter, flags, width: Number(width), precision: digits }, item, surroundings);
    // Each at once: a short template may ask for many wide ones.
    surroundings.budget.text(part.length);
    parts.push(part);
  }
  if (used < rest.length) throw new TemplateFault(`the format uses ${used} of the ${rest.length} values behind it`);
  surroundings.budget.text(format.length);
  return textItem(parts.join(""));
}

function formatItem(verb: Verb, item: Item, surroundings: Surroundings): string {
  const { letter } = verb;
  if (letter === "v" && item.kind !== "text" && item.kind !== "int")
    return pad(verb, inText(item, surroundings), false);
  if (letter === "t" && item.kind === "bool") return pad(verb, String(item.value), false);
  if (item.kind === "text" && "vsqxX".includes(letter)) return pad(verb, formatText(verb, item.value), false);
  if (item.kind === "int" && "vdxXobc".includes(letter)) {
    if (letter === "c") return pad(verb, characterOf(item.value), false);
    return formatWhole(verb, item.value);
  }
  if (item.kind === "float" && "eEfFgG".includes(letter)) return formatDecimal(verb, item.value);
  throw new TemplateFault(`%${letter} does not format ${describeItem(item)}`);
}

function formatText({ letter, precision, flags }: Verb, text: string): string {
  const cut = precision === undefined ? text : [...text].slice(0, precision).join("");
  if (letter === "q") return flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : JSON.stringify(cut);
  if (letter === "x") return Buffer.from(cut).toString("hex");
  return letter === "X" ? Buffer.from(cut).toString("hex").toUpperCase() : cut;
}

function characterOf(code: bigint): string {
  if (code < 0n || code > 0x10ffffn) return "\ufffd";
  return String.fromCodePoint(Number(code)).toWellFormed();
}

const BASES: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  ...{ x: [16, "0x"], X: [16, "0X"], o: [8, "0"], b: [2, "0b"] },
};

function formatWhole(verb: Verb, value: bigint): string {
  const [base, prefix] = BASES[verb.letter] ?? [10, ""];
  const plain = (value < 0n ? -value : value).toString(base).padStart(verb.precision ?? 0, "0");
  const digits = verb.letter === "X" ? plain.toUpperCase() : plain;
  return pad(
    verb,
    `${signOf(verb, value < 0n)}${verb.flags.includes("#") ? prefix : ""}${digits}`,
    verb.precision === undefined,
  );
}

function formatDecimal(verb: Verb, value: number): string {
  if (verb.letter.toLowerCase() === "g") {
    throw new TemplateFault(`%${verb.letter} is not supported`, { hint: "use %v, %f or %e" });
  }
  const digits = Math.min(verb.precision ?? 6, 100);
  const magnitude = Math.abs(value);
  const exponential = magnitude.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
  const plain = verb.letter.toLowerCase() === "e" ? exponential : magnitude.toFixed(digits);
  const cased = verb.letter === "E" ? plain.toUpperCase() : plain;
  return pad(verb, signOf(verb, value < 0) + cased, true);
}

function signOf({ flags }: Verb, negative: boolean): string {
  if (negative) return "-";
  if (flags.includes("+")) return "+";
  return flags.includes(" ") ? " " : "";
}

/** @param isNumber whether zeros may stand behind its sign. */
function pad({ flags, width }: Verb, text: string, isNumber: boolean): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const sign = isNumber ? (/^[+ -]?(0[xXb])?/.exec(text)?.[0] ?? "") : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
