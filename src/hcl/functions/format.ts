import { type Datum, isSequence, list, text } from "../cty/datum.ts";
import { STRING } from "../cty/type.ts";
import { nullableParameter, textAt, textParameter } from "./arguments.ts";
import { formatValue, readVerb, type Verb } from "./format-verb.ts";
import { CallProblem, type FunctionSpec, type Surroundings } from "./function.ts";

/** `format` and its like, with the verbs of Go. */
export const FORMAT_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  format: {
    parameters: [textParameter("format")],
    rest: nullableParameter("args"),
    run: (args, surroundings) => text(formatText(textAt(args, 0), args.slice(1), surroundings)),
  },
  formatlist: { parameters: [textParameter("format")], rest: nullableParameter("args"), run: formatList },
};

/** Text and verbs in turn; a verb takes the argument behind the one before, or the one that it names. */
function formatText(pattern: string, args: readonly Datum[], { budget }: Surroundings): string {
  const parts: string[] = [];
  const add = (part: string): void => {
    budget.text(part.length);
    parts.push(part);
  };
  let next = 1;
  let highest = 0;
  for (let at = 0; at < pattern.length; ) {
    const sign = pattern.indexOf("%", at);
    add(pattern.slice(at, sign === -1 ? undefined : sign));
    if (sign === -1) break;
    if (pattern[sign + 1] === "%") {
      add("%");
      at = sign + 2;
      continue;
    }
    const verb = readVerb(pattern, sign);
    const number = verb.argument ?? next;
    add(formatValue(verb, argumentOf(args, number, verb), budget));
    next = number + 1;
    highest = Math.max(highest, number);
    at = sign + verb.raw.length;
  }
  if (highest < args.length) {
    const uses = highest === 0 ? "no verb stands in the format" : `the format uses only ${highest}`;
    throw new CallProblem(`too many arguments: ${uses}`, highest + 1);
  }
  return parts.join("");
}

function argumentOf(args: readonly Datum[], number: number, { raw }: Verb): Datum {
  const found = args[number - 1];
  if (found === undefined) throw new CallProblem(`${raw} needs argument ${number}, and there are ${args.length}`);
  return found;
}

/** Once for each item of the lists among the arguments, which must be of one length; what is no list is the same each time. */
function formatList(args: readonly Datum[], surroundings: Surroundings): Datum {
  const pattern = textAt(args, 0);
  const values = args.slice(1);
  const lists = values.filter(isSequence);
  const [first] = lists;
  const count = first === undefined ? 1 : first.items.length;
  const odd = values.findIndex((value) => isSequence(value) && value.items.length !== count);
  if (odd !== -1) throw new CallProblem("the lists must be of one length", odd + 1);
  surroundings.budget.values(count);
  const texts = Array.from({ length: count }, (_, turn) => {
    const own = values.map((value) => (isSequence(value) ? (value.items[turn] ?? value) : value));
    return text(formatText(pattern, own, surroundings));
  });
  return list(STRING, texts);
}
