import { convert } from "../cty/convert.ts";
import { unify } from "../cty/convertible.ts";
import { type Datum, isSequence, list, tuple, typeOf } from "../cty/datum.ts";
import { commonItems, makeSet } from "../cty/equality.ts";
import { ANY, type Type } from "../cty/type.ts";
import { anyParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec, type Parameter, type Surroundings } from "./function.ts";

const setParameter = (name: string): Parameter => ({ name, type: { kind: "set", element: ANY } });

/** Functions of sets. */
export const SET_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  setintersection: {
    parameters: [setParameter("first_set")],
    rest: setParameter("other_sets"),
    run: (args) => combine(args, commonItems),
  },
  setunion: {
    parameters: [setParameter("first_set")],
    rest: setParameter("other_sets"),
    run: (args) => combine(args, (a, b) => [...a, ...b]),
  },
  setproduct: { parameters: [], rest: anyParameter("sets"), run: multiply },
};

type Combine = (a: readonly Datum[], b: readonly Datum[]) => readonly Datum[];

/** Sets of different types become sets of the type that they have in common. */
function combine(args: readonly Datum[], how: Combine): Datum {
  const sets = args.flatMap((arg) => (arg.kind === "set" ? [arg] : []));
  const elements = sets.filter(({ element, items }) => element.kind !== "any" || items.length > 0);
  const common = unify(
    elements.map(({ element }) => element),
    "any",
  );
  if (common === undefined && elements.length > 0) throw new CallProblem("the sets must be of one type");
  const element: Type = common ?? ANY;
  const converted = sets.map(({ items }) => items.map((item) => convert(item, element)));
  const [first = [], ...rest] = converted;
  return makeSet(element, rest.reduce<readonly Datum[]>(how, first));
}

/** Each item of the first with each of the next, the last going through its items fastest. */
function multiply(args: readonly Datum[], { budget }: Surroundings): Datum {
  if (args.length < 2) throw new CallProblem("at least two arguments are needed");
  const factors = args.map((arg, index) => {
    if (!isSequence(arg)) throw new CallProblem("expected a list or a set", index);
    const element = arg.kind === "tuple" ? unify(arg.items.map(typeOf), "any") : arg.element;
    if (element === undefined && arg.items.length > 0) throw new CallProblem("its items must be of one type", index);
    const settled = element ?? ANY;
    return { element: settled, items: arg.items.map((item) => convert(item, settled)) };
  });
  const count = factors.reduce((product, { items }) => product * items.length, 1);
  // Each product holds an item of each factor.
  budget.values(count * (factors.length + 1));
  const type: Type = { kind: "tuple", elements: factors.map(({ element }) => element) };
  const tuples = Array.from({ length: count }, (_, at) => tuple(pick(factors, at)));
  return args.some(({ kind }) => kind === "set") ? makeSet(type, tuples) : list(type, tuples);
}

/** The product of a number: one item of each factor, as the digits of the number say. */
function pick(factors: readonly { readonly items: readonly Datum[] }[], at: number): Datum[] {
  let left = at;
  const picked = factors.toReversed().flatMap(({ items }) => {
    const item = items[left % items.length];
    left = Math.floor(left / items.length);
    return item === undefined ? [] : [item];
  });
  return picked.toReversed();
}
