import { type Datum, isSequence } from "../cty/datum.ts";
import { type BigFloat, isWhole, truncate, ZERO } from "../cty/number.ts";
import { ANY, listOf, NUMBER, STRING } from "../cty/type.ts";
import { CallProblem, type Parameter } from "./function.ts";

/** A parameter that takes text. */
export const textParameter = (name: string): Parameter => ({ name, type: STRING });

/** A parameter that takes a number. */
export const numberParameter = (name: string): Parameter => ({ name, type: NUMBER });

/** A parameter that takes any value but null. */
export const anyParameter = (name: string): Parameter => ({ name, type: ANY });

/** A parameter that takes any value, null too. */
export const nullableParameter = (name: string): Parameter => ({ name, type: ANY, nullable: true });

/** A parameter that takes a list of text. */
export const textsParameter = (name: string): Parameter => ({ name, type: listOf(STRING) });

/** A parameter that takes a list of values of one type. */
export const listParameter = (name: string): Parameter => ({ name, type: listOf(ANY) });

/** The text of an argument that its parameter has made text. */
export function textAt(args: readonly Datum[], index: number): string {
  const arg = args[index];
  return arg?.kind === "string" ? arg.value : "";
}

/** The number of an argument that its parameter has made a number. */
export function numberAt(args: readonly Datum[], index: number): BigFloat {
  const arg = args[index];
  return arg?.kind === "number" ? arg.value : ZERO;
}

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

/** The whole number of an argument, as large as Go's `int`. @throws CallProblem. */
export function wholeAt(args: readonly Datum[], index: number): bigint {
  const value = numberAt(args, index);
  const whole = truncate(value);
  if (!isWhole(value)) throw new CallProblem("expected a whole number, found one with a fraction", index);
  if (whole < LEAST || whole > MOST) throw new CallProblem("the number is too large or too small", index);
  return whole;
}

/** The same as a double, for what is compared with lengths: beyond 2^53 it is not exact. @throws CallProblem. */
export function integerAt(args: readonly Datum[], index: number): number {
  return Number(wholeAt(args, index));
}

/** The items of an argument that is a list, a set or a tuple. @throws CallProblem. */
export function itemsAt(args: readonly Datum[], index: number): readonly Datum[] {
  const arg = args[index];
  if (arg !== undefined && isSequence(arg)) return arg.items;
  throw new CallProblem("expected a list", index);
}

/** The texts of a list of text. @throws CallProblem for null among them. */
export function textsAt(args: readonly Datum[], index: number): string[] {
  return itemsAt(args, index).map((item, at) => {
    if (item.kind === "string") return item.value;
    throw new CallProblem(`item ${at} must not be null`, index);
  });
}
