import type { BinaryOperator } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { boolean, type Datum, number } from "../cty/datum.ts";
import { isEqual } from "../cty/equality.ts";
import {
  add,
  type BigFloat,
  compare,
  divide,
  multiply,
  NumberRange,
  negate,
  remainder,
  subtract,
} from "../cty/number.ts";
import { BOOL, NUMBER, type Type } from "../cty/type.ts";

/** What both operands of an operator must be; undefined where they may be anything. */
export function operandType(operator: BinaryOperator): Type | undefined {
  if (operator === "==" || operator === "!=") return undefined;
  return operator === "&&" || operator === "||" ? BOOL : NUMBER;
}

/**
 * The value of `left operator right`, whose operands are of `operandType`; both are looked at, whatever the first one says.
 * @throws Mismatch.
 */
export function applyBinary(operator: BinaryOperator, left: Datum, right: Datum): Datum {
  switch (operator) {
    case "==":
      return boolean(isEqual(left, right));
    case "!=":
      return boolean(!isEqual(left, right));
    case "&&":
    case "||": {
      const [a, b] = [toBoolean(left), toBoolean(right)];
      return boolean(operator === "&&" ? a && b : a || b);
    }
    case "<":
    case "<=":
    case ">":
    case ">=":
      return boolean(holds(operator, compare(toNumber(left), toNumber(right))));
    default:
      return number(inRange(() => calculate(operator, toNumber(left), toNumber(right))));
  }
}

/** An operand as one of the type that is needed. @throws Mismatch, also for null. */
export function toOperand(datum: Datum, type: Type | undefined): Datum {
  if (type === undefined) return datum;
  return type.kind === "bool" ? boolean(toBoolean(datum)) : number(toNumber(datum));
}

/** The value of `-operand` or `!operand`. @throws Mismatch. */
export function applyUnary(operator: "-" | "!", operand: Datum): Datum {
  return operator === "-" ? number(negate(toNumber(operand))) : boolean(!toBoolean(operand));
}

function holds(operator: "<" | "<=" | ">" | ">=", order: number): boolean {
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

function calculate(operator: "+" | "-" | "*" | "/" | "%", a: BigFloat, b: BigFloat): BigFloat {
  switch (operator) {
    case "+":
      return add(a, b);
    case "-":
      return subtract(a, b);
    case "*":
      return multiply(a, b);
    case "/":
      if (b.mantissa === 0n) throw new Mismatch("a number cannot be divided by zero");
      return divide(a, b);
    case "%":
      return remainder(a, b);
  }
}

/** @throws Mismatch instead of `NumberRange`. */
export function inRange<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof NumberRange) throw new Mismatch("the number is too large or too small to be kept");
    throw error;
  }
}

/** @throws Mismatch when it is none and cannot become one. */
export function toNumber(datum: Datum): BigFloat {
  const converted = inRange(() => convert(datum, NUMBER));
  if (converted.kind === "number") return converted.value;
  throw new Mismatch("expected a number, found null");
}

/** @throws Mismatch when it is none and cannot become one. */
export function toBoolean(datum: Datum): boolean {
  const converted = convert(datum, BOOL);
  if (converted.kind === "bool") return converted.value;
  throw new Mismatch("expected true or false, found null");
}
