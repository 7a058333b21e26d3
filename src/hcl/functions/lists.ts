import { convert } from "../cty/convert.ts";
import { unify } from "../cty/convertible.ts";
import { boolean, compareText, type Datum, isSequence, list, number, text, tuple, typeOf } from "../cty/datum.ts";
import { distinctItems, isEqual } from "../cty/equality.ts";
import { add, type BigFloat, compare, fromInteger, ZERO } from "../cty/number.ts";
import { describeType, NUMBER, STRING } from "../cty/type.ts";
import {
  anyParameter,
  integerAt,
  itemsAt,
  listParameter,
  nullableParameter,
  numberAt,
  numberParameter,
  textsAt,
  textsParameter,
  wholeAt,
} from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Functions of lists. */
export const LIST_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  chunklist: { parameters: [listParameter("list"), numberParameter("size")], run: chunk },
  coalesce: { parameters: [], rest: nullableParameter("vals"), run: coalesce },
  coalescelist: { parameters: [], rest: nullableParameter("vals"), run: coalesceList },
  compact: {
    parameters: [textsParameter("list")],
    run: (args) =>
      list(
        STRING,
        itemsAt(args, 0).filter((item) => item.kind === "string" && item.value !== ""),
      ),
  },
  concat: { parameters: [], rest: anyParameter("seqs"), run: concat },
  contains: {
    parameters: [anyParameter("list"), anyParameter("value")],
    run: (args) => boolean(itemsAt(args, 0).some((item) => args[1] !== undefined && isEqual(args[1], item))),
  },
  distinct: {
    parameters: [listParameter("list")],
    run: ([arg]) => (arg?.kind === "list" ? list(arg.element, distinctItems(arg.items)) : tuple([])),
  },
  element: { parameters: [anyParameter("list"), numberParameter("index")], run: element },
  flatten: {
    parameters: [anyParameter("list")],
    run(args) {
      itemsAt(args, 0);
      return tuple(args.flatMap(flatten));
    },
  },
  range: { parameters: [], rest: numberParameter("params"), run: range },
  slice: {
    parameters: [anyParameter("list"), numberParameter("start_index"), numberParameter("end_index")],
    run: slice,
  },
  sort: {
    parameters: [textsParameter("list")],
    run: (args) => list(STRING, textsAt(args, 0).toSorted(compareText).map(text)),
  },
};

function chunk([arg, ...rest]: readonly Datum[]): Datum {
  const size = integerAt([tuple([]), ...rest], 1);
  if (size < 0) throw new CallProblem("expected 0 or more", 1);
  if (arg?.kind !== "list") throw new CallProblem("expected a list", 0);
  if (arg.items.length === 0) return list(typeOf(arg), []);
  if (size === 0) return list(typeOf(arg), [arg]);
  const chunks: Datum[] = [];
  for (let at = 0; at < arg.items.length; at += size) chunks.push(list(arg.element, arg.items.slice(at, at + size)));
  return list(typeOf(arg), chunks);
}

function coalesce(args: readonly Datum[]): Datum {
  const type = unify(args.map(typeOf), "any");
  if (type === undefined && args.length > 0) throw new CallProblem("all arguments must be of one type");
  const found = args.find(({ kind }) => kind !== "null");
  if (found === undefined || type === undefined) throw new CallProblem("all arguments are null");
  return convert(found, type);
}

function coalesceList(args: readonly Datum[]): Datum {
  if (args.length === 0) throw new CallProblem("at least one argument is needed");
  for (const [index, arg] of args.entries()) {
    const { kind } = typeOf(arg);
    if (kind !== "list" && kind !== "tuple") throw new CallProblem("expected a list", index);
  }
  const found = args.find((arg) => isSequence(arg) && arg.items.length > 0);
  if (found === undefined) throw new CallProblem("all arguments are empty or null");
  return found;
}

function concat(args: readonly Datum[]): Datum {
  if (args.length === 0) throw new CallProblem("at least one argument is needed");
  for (const [index, arg] of args.entries()) {
    if (arg.kind === "list" || arg.kind === "tuple") continue;
    throw new CallProblem(`expected a list, found ${describeType(typeOf(arg))}`, index);
  }
  if (args.every(({ kind }) => kind === "list")) {
    const type = unify(args.map(typeOf), "any");
    if (type?.kind === "list")
      return list(
        type.element,
        args.flatMap((arg) => itemsOf(convert(arg, type))),
      );
  }
  return tuple(args.flatMap(itemsOf));
}

function itemsOf(datum: Datum): readonly Datum[] {
  return isSequence(datum) ? datum.items : [];
}

function element(args: readonly Datum[]): Datum {
  const [arg] = args;
  if (arg?.kind !== "list" && arg?.kind !== "tuple") throw new CallProblem("expected a list", 0);
  const wanted = wholeAt(args, 1);
  if (arg.items.length === 0) throw new CallProblem("the list is empty", 0);
  const length = BigInt(arg.items.length);
  const index = ((wanted % length) + length) % length;
  return arg.items[Number(index)] ?? arg;
}

function flatten(datum: Datum): readonly Datum[] {
  return isSequence(datum) ? datum.items.flatMap(flatten) : [datum];
}

/** As many numbers as cty makes at most. */
const MOST_NUMBERS = 1024;

function range(args: readonly Datum[]): Datum {
  const { start, end, step } = readRange(args);
  const down = step.mantissa < 0n;
  const order = compare(end, start);
  if (down && order > 0) throw new CallProblem("the end must not be above the start when the step is negative", 1);
  if (!down && order < 0) throw new CallProblem("the end must not be below the start when the step is positive", 1);
  const numbers: Datum[] = [];
  for (let at = start; down ? compare(at, end) > 0 : compare(at, end) < 0; at = add(at, step)) {
    if (numbers.length >= MOST_NUMBERS) throw new CallProblem(`it makes more than ${MOST_NUMBERS} numbers`);
    numbers.push(number(at));
  }
  return list(NUMBER, numbers);
}

function readRange(args: readonly Datum[]): { start: BigFloat; end: BigFloat; step: BigFloat } {
  if (args.length === 0 || args.length > 3) throw new CallProblem("it takes 1 to 3 numbers");
  const first = numberAt(args, 0);
  if (args.length === 3) {
    const step = numberAt(args, 2);
    if (step.mantissa === 0n) throw new CallProblem("the step must not be 0", 2);
    return { start: first, end: numberAt(args, 1), step };
  }
  const [start, end] = args.length === 1 ? [ZERO, first] : [first, numberAt(args, 1)];
  return { start, end, step: fromInteger(compare(end, start) < 0 ? -1 : 1) };
}

function slice(args: readonly Datum[]): Datum {
  const [arg] = args;
  if (arg?.kind === "set") throw new CallProblem("the items of a set have no numbers", 0);
  if (arg?.kind !== "list" && arg?.kind !== "tuple") throw new CallProblem("expected a list", 0);
  const [start, end] = [integerAt(args, 1), integerAt(args, 2)];
  const { length } = arg.items;
  if (start < 0 || start > length) throw new CallProblem(`expected a number from 0 to ${length}`, 1);
  if (end < 0 || end > length) throw new CallProblem(`expected a number from 0 to ${length}`, 2);
  if (start > end) throw new CallProblem("the start must not be behind the end", 1);
  const items = arg.items.slice(start, end);
  return arg.kind === "list" ? list(arg.element, items) : tuple(items);
}
