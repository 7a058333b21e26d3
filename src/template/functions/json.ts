import { TemplateFault } from "../fault.ts";
import { describeItem, flagItem, type Item, NIL, sortedEntries, textItem } from "../item.ts";
import { MAX_TEMPLATE_DEPTH } from "../limits.ts";
import { type FunctionTable, fixed, type Surroundings, textAt } from "./function.ts";

/** JSON read and written. */
export const JSON_FUNCTIONS: FunctionTable = {
  parseJSON: fixed(1, parseJson),
  toJSON: writing("", true),
  toJSONPretty: writing("  ", true),
  toUnescapedJSON: writing("", false),
  toUnescapedJSONPretty: writing("  ", false),
};

function parseJson(values: readonly Item[], surroundings: Surroundings): Item {
  const text = textAt(values, 0);
  if (text === "") return { kind: "map", entries: new Map(), ofText: false };
  surroundings.budget.text(text.length);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Its words tell of the text, and that is nobody's business.
    throw new TemplateFault("value 1 must be JSON");
  }
  return itemOf(parsed, surroundings, 0);
}

/**
 * A value as JSON has it. @throws TemplateFault for what is too deep or too large.
 * @param numberItem what a number becomes: in Go all that JSON holds are floats, and fields of structures are not.
 */
export function itemOf(
  value: unknown,
  surroundings: Pick<Surroundings, "budget">,
  depth: number,
  numberItem: (value: number) => Item = (value) => ({ kind: "float", value }),
): Item {
  if (depth > MAX_TEMPLATE_DEPTH)
    throw new TemplateFault(`its values stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`);
  surroundings.budget.step();
  const below = (part: unknown): Item => itemOf(part, surroundings, depth + 1, numberItem);
  switch (typeof value) {
    case "string":
      return textItem(value.toWellFormed());
    case "boolean":
      return flagItem(value);
    case "number":
      if (!Number.isFinite(value)) throw new TemplateFault("value 1 holds a number that is too large");
      return numberItem(value);
  }
  if (Array.isArray(value)) return { kind: "list", items: value.map(below), ofText: false };
  if (typeof value !== "object" || value === null) return NIL;
  const entries = Object.entries(value).map(([key, part]): [string, Item] => [key, below(part)]);
  return { kind: "map", entries: new Map(entries), ofText: false };
}

/** Go's `json.Marshal`: keys in order, and `<`, `>` and `&` as escapes unless it is told otherwise. */
function writing(indentation: string, escapes: boolean) {
  return fixed(1, ([item = NIL], { budget }) => {
    const write = (value: Item, indent: string): string => {
      budget.step();
      const inner = indent + indentation;
      const text = ((): string => {
        switch (value.kind) {
          case "nil":
            return "null";
          case "text":
            return quote(value.value, escapes);
          case "list":
            return enclose(
              "[",
              value.items.map((part) => write(part, inner)),
              "]",
              indent,
              indentation,
            );
          case "map":
            return enclose(
              "{",
              sortedEntries(value.entries).map(
                ([key, part]) => `${quote(key, escapes)}:${indentation === "" ? "" : " "}${write(part, inner)}`,
              ),
              "}",
              indent,
              indentation,
            );
          case "loop":
            throw new TemplateFault(`${describeItem(value)} cannot be written as JSON`);
          case "float":
            if (!Number.isFinite(value.value)) throw new TemplateFault("an infinite number cannot be written as JSON");
            return Object.is(value.value, -0) ? "-0" : String(value.value);
          default:
            return String(value.value);
        }
      })();
      budget.text(text.length);
      return text;
    };
    return textItem(write(item, ""));
  });
}

function enclose(open: string, parts: readonly string[], close: string, indent: string, step: string): string {
  if (parts.length === 0 || step === "") return `${open}${parts.join(",")}${close}`;
  const inner = `\n${indent}${step}`;
  return `${open}${inner}${parts.join(`,${inner}`)}\n${indent}${close}`;
}

function quote(text: string, escapes: boolean): string {
  const pattern = escapes ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g;
  return JSON.stringify(text).replace(pattern, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
