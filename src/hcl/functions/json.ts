import type { Budget } from "../budget.ts";
import { type Datum, isMapping, isSequence, sortedEntries, text } from "../cty/datum.ts";
import { datumOfJson } from "../cty/json-datum.ts";
import { formatNumber } from "../cty/number.ts";
import { parseJson } from "../json.ts";
import { nullableParameter, textAt, textParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Between JSON and values. */
export const JSON_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  jsondecode: { parameters: [textParameter("str")], run: (args, { budget }) => decode(textAt(args, 0), budget) },
  jsonencode: {
    parameters: [nullableParameter("val")],
    run: ([arg], { budget }) => text(arg === undefined ? "null" : encodeJson(arg, budget)),
  },
};

function decode(source: string, budget: Budget): Datum {
  // Reading takes much longer than looking.
  budget.work(source.length);
  const { value, diagnostics } = parseJson("json", source);
  const [wrong] = diagnostics;
  if (value !== undefined && wrong === undefined) return datumOfJson(value);
  const { line, column } = wrong?.span?.start ?? { line: 1, column: 1 };
  throw new CallProblem(`this is no JSON: line ${line}, column ${column}`, 0);
}

/**
 * JSON as cty writes it: without spaces, keys in order, `<`, `>` and `&` escaped, numbers with all their digits. Its texts are asked for
 * one by one: a value may hold one and the same of them many times over. @throws Exhausted.
 */
export function encodeJson(datum: Datum, budget: Budget): string {
  if (isSequence(datum)) return `[${datum.items.map((item) => encodeJson(item, budget)).join(",")}]`;
  if (isMapping(datum)) {
    return `{${sortedEntries(datum)
      .map(([key, value]) => `${quoteCounted(key, budget)}:${encodeJson(value, budget)}`)
      .join(",")}}`;
  }
  switch (datum.kind) {
    case "null":
      return "null";
    case "bool":
      return String(datum.value);
    case "number":
      return formatNumber(datum.value);
    case "string":
      return quoteCounted(datum.value, budget);
  }
}

function quoteCounted(value: string, budget: Budget): string {
  const quoted = quoteJson(value);
  budget.text(quoted.length);
  return quoted;
}

/** Text in double quotes as Go's encoder writes it. */
export function quoteJson(value: string): string {
  return ["<", ">", "&", "\u2028", "\u2029"].reduce(
    (quoted, char) => quoted.replaceAll(char, `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
    JSON.stringify(value),
  );
}
