import { cut, type Digits, roundDigits, roundUp, withoutLast } from "./digits.ts";

/**
 * Numbers of HCL: binary floating point with up to 512 bits of mantissa, as HashiCorp's cty has them, so that every integer of 154
 * digits is exact, `0.1` prints as `0.1`, and 1/3 has the digits that it has in Nomad. The value is `mantissa` × 2^`exponent`.
 */
export interface BigFloat {
  readonly mantissa: bigint;
  readonly exponent: number;
  /** Bits that results computed with it may have; the larger of two operands counts. */
  readonly precision: number;
}

/** Bits of a number that is written in a text. */
const WRITTEN_BITS = 512;
/** Bits of a number that a function counted. */
const COUNTED_BITS = 64;
/** Bits of a double. */
const DOUBLE_BITS = 53;

/** Beyond 2^±4096 (some 1,230 digits) no number is kept: doubles end at 2^1024, and larger ones would make each sum slow. */
const MAX_MAGNITUDE = 4096;

/** Decimal digits and exponents beyond what such numbers have. */
const MAX_DIGITS = 1300;

/** Thrown for a result that is too large or too small to be kept. */
export class NumberRange extends Error {}

const WRITTEN = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;

export const ZERO: BigFloat = { mantissa: 0n, exponent: 0, precision: COUNTED_BITS };

/** Reads decimal digits, with a fraction and an exponent where they have one. @returns undefined for anything else. @throws NumberRange. */
export function parseNumber(text: string): BigFloat | undefined {
  const match = WRITTEN.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", behind, alone, power = "0"] = match;
  const fraction = behind ?? alone ?? "";
  const digits = BigInt(whole + fraction);
  const exponent = Number(power) - fraction.length;
  if (digits === 0n) return { mantissa: 0n, exponent: 0, precision: WRITTEN_BITS };
  if (Math.abs(exponent) > MAX_DIGITS || whole.length + fraction.length > MAX_DIGITS) throw new NumberRange();
  const mantissa = sign === "-" ? -digits : digits;
  return exponent >= 0
    ? round(mantissa * 10n ** BigInt(exponent), 0, WRITTEN_BITS)
    : quotient(mantissa, 10n ** BigInt(-exponent), 0, WRITTEN_BITS);
}

/** A whole number that a function counted or computed. */
export function fromInteger(value: bigint | number): BigFloat {
  const mantissa = BigInt(value);
  return { mantissa, exponent: 0, precision: Math.max(COUNTED_BITS, bitLength(mantissa)) };
}

/** A double, exactly; it must be finite. */
export function fromDouble(value: number): BigFloat {
  let mantissa = value;
  let exponent = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  return { mantissa: BigInt(mantissa), exponent, precision: DOUBLE_BITS };
}

/** The nearest double. */
export function toDouble(value: BigFloat): number {
  return Number(formatNumberExactly(value));
}

/** The whole part, cut towards zero. */
export function truncate({ mantissa, exponent }: BigFloat): bigint {
  return exponent >= 0 ? mantissa << BigInt(exponent) : mantissa / (1n << BigInt(-exponent));
}

export function isWhole({ mantissa, exponent }: BigFloat): boolean {
  return exponent >= 0 || mantissa % (1n << BigInt(-exponent)) === 0n;
}

export function negate(value: BigFloat): BigFloat {
  return { ...value, mantissa: -value.mantissa };
}

export function add(a: BigFloat, b: BigFloat): BigFloat {
  const exponent = Math.min(a.exponent, b.exponent);
  return round(shiftTo(a, exponent) + shiftTo(b, exponent), exponent, commonPrecision(a, b));
}

export function subtract(a: BigFloat, b: BigFloat): BigFloat {
  return add(a, negate(b));
}

export function multiply(a: BigFloat, b: BigFloat): BigFloat {
  return round(a.mantissa * b.mantissa, a.exponent + b.exponent, commonPrecision(a, b));
}

/** @param b not zero. */
export function divide(a: BigFloat, b: BigFloat): BigFloat {
  return quotient(a.mantissa, b.mantissa, a.exponent - b.exponent, commonPrecision(a, b));
}

/** What is left of `a` when `b` is taken from it as often as it fits; has the sign of `a`, and is `a` for a `b` of zero. */
export function remainder(a: BigFloat, b: BigFloat): BigFloat {
  if (b.mantissa === 0n) return a;
  const times = round(truncate(divide(a, b)), 0, a.precision);
  return subtract(a, round(multiply(b, times).mantissa, multiply(b, times).exponent, a.precision));
}

/** Less than, equal to or greater than zero, as `a` is to `b`. */
export function compare(a: BigFloat, b: BigFloat): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const difference = shiftTo(a, exponent) - shiftTo(b, exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Two numbers are one when their text is: a double of 0.1 is the 0.1 that was written. */
export function isSameNumber(a: BigFloat, b: BigFloat): boolean {
  if (isWhole(a) || isWhole(b)) return compare(a, b) === 0;
  return formatNumber(a) === formatNumber(b);
}

/** The shortest decimal digits that only this number has at its precision, without an exponent. */
export function formatNumber(value: BigFloat): string {
  const { mantissa, exponent, precision } = value;
  const negative = mantissa < 0n;
  if (exponent >= 0 && bitLength(mantissa) + exponent <= precision) return String(mantissa << BigInt(exponent));
  return (negative ? "-" : "") + placePoint(shortestDigits(negative ? negate(value) : value));
}

/** The digits of `formatNumber`, of a number that is not negative. */
export function shortestDigits({ mantissa, exponent, precision }: BigFloat): Digits {
  if (mantissa === 0n) return { text: "", point: 0 };
  // The mantissa with all its bits and one more: its neighbours are two away, and the borders to them one.
  const shift = precision - bitLength(mantissa) + 1;
  return shorten(mantissa << BigInt(shift), exponent - shift);
}

/** All digits of a number that is not negative. */
export function exactDigits({ mantissa, exponent }: BigFloat): Digits {
  return mantissa === 0n ? { text: "", point: 0 } : expand(mantissa, exponent);
}

/** Keeps as many digits of `full` × 2^`exponent` as tell it from the borders to its neighbours. */
function shorten(full: bigint, exponent: number): Digits {
  const own = expand(full, exponent);
  const lower = expand(full - 1n, exponent).text;
  const upper = expand(full + 1n, exponent).text;
  const inclusive = (full & 2n) === 0n;
  for (let at = 0; at < own.text.length; at++) {
    const [low, digit, high] = [lower[at] ?? "0", own.text[at] ?? "0", upper[at] ?? "0"];
    const down = low !== digit || (inclusive && at + 1 === lower.length);
    const up = digit !== high && (inclusive || Number(digit) + 1 < Number(high) || at + 1 < upper.length);
    if (down && up) return roundDigits(own, at + 1);
    if (down) return cut(own, at + 1);
    if (up) return roundUp(own, at + 1);
  }
  return own;
}

/** All decimal digits of `mantissa` × 2^`exponent`, without zeros at the end. */
function expand(mantissa: bigint, exponent: number): Digits {
  if (exponent >= 0) {
    const text = String(mantissa << BigInt(exponent));
    return { text: withoutLast(text, "0"), point: text.length };
  }
  const text = String(mantissa * 5n ** BigInt(-exponent));
  return { text: withoutLast(text, "0"), point: text.length + exponent };
}

function placePoint({ text, point }: Digits): string {
  if (text === "") return "0";
  if (point <= 0) return `0.${"0".repeat(-point)}${text}`;
  if (point >= text.length) return text.padEnd(point, "0");
  return `${text.slice(0, point)}.${text.slice(point)}`;
}

/** All decimal digits, for what must not be rounded twice. */
function formatNumberExactly({ mantissa, exponent }: BigFloat): string {
  const digits = expand(mantissa < 0n ? -mantissa : mantissa, exponent);
  return (mantissa < 0n ? "-" : "") + placePoint(digits);
}

function shiftTo({ mantissa, exponent }: BigFloat, to: number): bigint {
  return mantissa << BigInt(exponent - to);
}

function commonPrecision(a: BigFloat, b: BigFloat): number {
  return Math.max(a.precision, b.precision);
}

/** `numerator` / `denominator` × 2^`exponent`, rounded once. */
function quotient(numerator: bigint, denominator: bigint, exponent: number, precision: number): BigFloat {
  const wanted = precision + 2 + bitLength(denominator) - bitLength(numerator);
  const shift = BigInt(Math.max(wanted, 0));
  const shifted = numerator << shift;
  const whole = shifted / denominator;
  // A last bit stands for all that is left, so that nothing that is not a tie is taken for one.
  const rest = shifted % denominator === 0n ? 0n : (numerator < 0n ? -1n : 1n) * (denominator < 0n ? -1n : 1n);
  return round(whole * 2n + rest, exponent - Number(shift) - 1, precision);
}

/** To the nearest number of `precision` bits, in the middle to the even one. @throws NumberRange. */
function round(mantissa: bigint, exponent: number, precision: number): BigFloat {
  const negative = mantissa < 0n;
  let magnitude = negative ? -mantissa : mantissa;
  let power = exponent;
  const excess = bitLength(magnitude) - precision;
  if (excess > 0) {
    const shift = BigInt(excess);
    const rest = magnitude & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    magnitude >>= shift;
    if (rest > half || (rest === half && (magnitude & 1n) === 1n)) magnitude += 1n;
    power += excess;
  }
  if (magnitude === 0n) return { mantissa: 0n, exponent: 0, precision };
  while (power < 0 && (magnitude & 0xffffffffn) === 0n) {
    magnitude >>= 32n;
    power += 32;
  }
  if (Math.abs(power + bitLength(magnitude)) > MAX_MAGNITUDE) throw new NumberRange();
  return { mantissa: negative ? -magnitude : magnitude, exponent: power, precision };
}

function bitLength(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude === 0n) return 0;
  const hex = magnitude.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0] ?? "0", 16)) + 28;
}
