import { type Datum, integer, number } from "../cty/datum.ts";
import { compare, fromDouble, fromInteger, negate, toDouble, truncate, ZERO } from "../cty/number.ts";
import { anyParameter, integerAt, numberAt, numberParameter, textAt } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Functions of numbers. */
export const NUMBER_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  abs: {
    parameters: [numberParameter("num")],
    run(args) {
      const value = numberAt(args, 0);
      return number(value.mantissa < 0n ? negate(value) : value);
    },
  },
  ceil: { parameters: [numberParameter("num")], run: (args) => number(toWhole(args, 1)) },
  floor: { parameters: [numberParameter("num")], run: (args) => number(toWhole(args, -1)) },
  log: {
    parameters: [numberParameter("num"), numberParameter("base")],
    run: (args) => finite(Math.log(toDouble(numberAt(args, 0))) / Math.log(toDouble(numberAt(args, 1)))),
  },
  pow: {
    parameters: [numberParameter("num"), numberParameter("power")],
    run: (args) => finite(toDouble(numberAt(args, 0)) ** toDouble(numberAt(args, 1))),
  },
  max: { parameters: [], rest: numberParameter("numbers"), run: (args) => extreme(args, 1) },
  min: { parameters: [], rest: numberParameter("numbers"), run: (args) => extreme(args, -1) },
  signum: { parameters: [numberParameter("num")], run: (args) => integer(Math.sign(integerAt(args, 0))) },
  parseint: { parameters: [anyParameter("number"), numberParameter("base")], run: parseInteger },
};

/** To the next whole number upwards (1) or downwards (-1). */
function toWhole(args: readonly Datum[], direction: 1 | -1) {
  const value = numberAt(args, 0);
  const cut = truncate(value);
  const order = compare(value, fromInteger(cut));
  const whole = order !== 0 && Math.sign(order) === direction ? cut + BigInt(direction) : cut;
  return { ...fromInteger(whole), precision: Math.max(value.precision, fromInteger(whole).precision) };
}

function finite(value: number): Datum {
  if (Number.isFinite(value)) return number(value === 0 ? ZERO : fromDouble(value));
  throw new CallProblem("the result is no number");
}

function extreme(args: readonly Datum[], direction: 1 | -1): Datum {
  const [first] = args;
  if (first === undefined) throw new CallProblem("at least one number is needed");
  let best = numberAt(args, 0);
  for (const at of args.keys()) {
    const value = numberAt(args, at);
    if (Math.sign(compare(value, best)) === direction) best = value;
  }
  return number(best);
}

/** More digits than any number of HCL keeps. */
const MOST_DIGITS = 2000;

/** Digits of a base from 2 to 62: small letters are 10 to 35, capital ones beyond base 36 are 36 to 61, else as small ones. */
function parseInteger(args: readonly Datum[]): Datum {
  const base = integerAt(args, 1);
  if (args[0]?.kind !== "string") throw new CallProblem("expected text", 0);
  if (base < 2 || base > 62) throw new CallProblem("expected a whole number from 2 to 62", 1);
  const [, sign, digits = ""] = /^([+-]?)([0-9A-Za-z]+)$/.exec(textAt(args, 0)) ?? [];
  if (digits.length > MOST_DIGITS) throw new CallProblem(`more than ${MOST_DIGITS} digits`, 0);
  let value = 0n;
  for (const digit of digits) {
    const worth = worthOf(digit, base);
    if (worth >= base) throw new CallProblem(`this is no whole number of base ${base}`, 0);
    value = value * BigInt(base) + BigInt(worth);
  }
  if (digits === "") throw new CallProblem(`this is no whole number of base ${base}`, 0);
  return integer(sign === "-" ? -value : value);
}

function worthOf(digit: string, base: number): number {
  if (digit <= "9") return Number(digit);
  if (digit >= "a") return digit.charCodeAt(0) - "a".charCodeAt(0) + 10;
  return digit.charCodeAt(0) - "A".charCodeAt(0) + (base > 36 ? 36 : 10);
}
