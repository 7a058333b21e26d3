import { TemplateFault } from "../fault.ts";
import { flagItem, type Item, intItem, NIL } from "../item.ts";
import { type FunctionTable, fixed, textAt, wanted } from "./function.ts";

/** Arithmetic, and numbers out of text. Of two values the second is worked on: `{{ 10 | subtract 3 }}` is 7. */
export const NUMBER_FUNCTIONS: FunctionTable = {
  add: arithmetic(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  subtract: arithmetic(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  multiply: arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  divide: arithmetic(
    (a, b) => a / unlessZero(b),
    (a, b) => a / b,
  ),
  modulo: arithmetic((a, b) => a % unlessZero(b)),
  minimum: choosing((a, b) => (a < b ? 0 : 1)),
  maximum: choosing((a, b) => (a > b ? 0 : 1)),
  parseBool: fixed(1, parseBool),
  parseInt: fixed(1, (values) => parseWhole(textAt(values, 0), /^[+-]?\d{1,30}$/)),
  parseUint: fixed(1, (values) => parseWhole(textAt(values, 0), /^\d{1,30}$/)),
  parseFloat: fixed(1, parseDecimal),
};

type NumberItem = Extract<Item, { kind: "int" | "float" }>;

function numberAt(values: readonly Item[], at: number): NumberItem {
  const item = values[at] ?? NIL;
  if (item.kind === "int" || item.kind === "float") return item;
  throw wanted("a number", item, at);
}

function arithmetic(whole: (a: bigint, b: bigint) => bigint, decimal?: (a: number, b: number) => number) {
  return fixed(2, (values) => {
    const [b, a] = [numberAt(values, 0), numberAt(values, 1)];
    if (a.kind === "int" && b.kind === "int") return intItem(whole(a.value, b.value));
    if (decimal === undefined) throw new TemplateFault("both values must be whole numbers");
    return { kind: "float", value: decimal(Number(a.value), Number(b.value)) };
  });
}

function choosing(pick: (a: number | bigint, b: number | bigint) => 0 | 1) {
  return fixed(2, (values) => {
    const [b, a] = [numberAt(values, 0), numberAt(values, 1)];
    return pick(a.value, b.value) === 0 ? a : b;
  });
}

function unlessZero(value: bigint): bigint {
  if (value === 0n) throw new TemplateFault("nothing is divided by 0");
  return value;
}

function parseBool(values: readonly Item[]): Item {
  const text = textAt(values, 0);
  if (text === "") return flagItem(false);
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return flagItem(true);
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return flagItem(false);
  throw new TemplateFault("value 1 must be true or false as text");
}

/** Whole numbers without a sign are kept in those with one. */
function parseWhole(text: string, pattern: RegExp): Item {
  if (text === "") return intItem(0n);
  const value = pattern.test(text) ? BigInt(text.replace("+", "")) : undefined;
  if (value !== undefined && BigInt.asIntN(64, value) === value) return intItem(value);
  throw new TemplateFault("value 1 must be a whole number as text, within 64 bits");
}

function parseDecimal(values: readonly Item[]): Item {
  const text = textAt(values, 0);
  if (text === "") return { kind: "float", value: 0 };
  const value = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return { kind: "float", value };
  throw new TemplateFault("value 1 must be a number as text");
}
