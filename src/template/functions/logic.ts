import { TemplateFault } from "../fault.ts";
import { compareTexts, describeItem, flagItem, type Item, isTrue, NIL } from "../item.ts";
import { type FunctionTable, fixed, type TemplateFunction } from "./function.ts";

/** Conditions and comparisons, as Go's text/template has them. */
export const LOGIC_FUNCTIONS: FunctionTable = {
  and: deciding(false),
  or: deciding(true),
  not: fixed(1, ([item = NIL]) => flagItem(!isTrue(item))),
  eq: {
    least: 2,
    most: Infinity,
    run: ([item = NIL, ...others]) => flagItem(others.some((other) => isEqual(item, other))),
  },
  ne: fixed(2, ([item = NIL, other = NIL]) => flagItem(!isEqual(item, other))),
  lt: fixed(2, ([item = NIL, other = NIL]) => flagItem(compare(item, other) < 0)),
  le: fixed(2, ([item = NIL, other = NIL]) => flagItem(compare(item, other) <= 0)),
  gt: fixed(2, ([item = NIL, other = NIL]) => flagItem(compare(item, other) > 0)),
  ge: fixed(2, ([item = NIL, other = NIL]) => flagItem(compare(item, other) >= 0)),
};

/** The first value that is as true as this, or else the last. */
function deciding(truth: boolean): TemplateFunction {
  const lazy = (values: Iterable<Item>): Item => {
    let last = NIL;
    for (const item of values) {
      last = item;
      if (isTrue(item) === truth) break;
    }
    return last;
  };
  return { least: 1, most: Infinity, run: lazy, lazy };
}

function isEqual(a: Item, b: Item): boolean {
  if (a.kind === "nil" || b.kind === "nil") return a.kind === b.kind;
  if ("value" in a && "value" in b && a.kind === b.kind) return a.value === b.value;
  throw incompatible(a, b);
}

function compare(a: Item, b: Item): number {
  if (a.kind === "text" && b.kind === "text") return compareTexts(a.value, b.value);
  const numbers = (a.kind === "int" && b.kind === "int") || (a.kind === "float" && b.kind === "float");
  if (numbers && "value" in a && "value" in b) return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  throw incompatible(a, b);
}

const incompatible = (a: Item, b: Item): TemplateFault =>
  new TemplateFault(`${describeItem(a)} and ${describeItem(b)} cannot be compared`, {
    hint: "parseInt, parseFloat and print make one kind of the other",
  });
