import { type Digits, roundDigits } from "../cty/digits.ts";
import { type BigFloat, exactDigits, shortestDigits } from "../cty/number.ts";

/** `%.Nf` of a number that is not negative. */
export function formatFixed(value: BigFloat, decimals: number): string {
  const exact = exactDigits(value);
  return placeFixed(roundDigits(exact, exact.point + decimals), decimals);
}

function placeFixed({ text, point }: Digits, decimals: number): string {
  const whole = point > 0 ? text.slice(0, point).padEnd(point, "0") : "0";
  const fraction = point > 0 ? text.slice(point) : "0".repeat(-point) + text;
  return decimals === 0 ? whole : `${whole}.${fraction.padEnd(decimals, "0").slice(0, decimals)}`;
}

/** `%.Ne` of a number that is not negative. */
export function formatScientific(value: BigFloat, decimals: number): string {
  return placeScientific(roundDigits(exactDigits(value), decimals + 1), decimals);
}

function placeScientific({ text, point }: Digits, decimals: number): string {
  const first = text[0] ?? "0";
  const fraction = decimals === 0 ? "" : `.${text.slice(1).padEnd(decimals, "0")}`;
  const exponent = text === "" ? 0 : point - 1;
  const sign = exponent < 0 ? "-" : "+";
  return `${first}${fraction}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** `%g`: with an exponent where the number is very large or small. @param count of digits; the shortest that tell the number without. */
export function formatGeneral(value: BigFloat, count: number | undefined): string {
  if (value.mantissa < 0n) return `-${formatGeneral({ ...value, mantissa: -value.mantissa }, count)}`;
  const wanted = count === 0 ? 1 : count;
  const digits = wanted === undefined ? shortestDigits(value) : roundDigits(exactDigits(value), wanted);
  const { text, point } = digits;
  const limit = wanted ?? 6;
  const exponent = point - 1;
  if (text !== "" && (exponent < -4 || exponent >= limit)) return placeScientific(digits, text.length - 1);
  return placeFixed(digits, Math.max(text.length - point, 0));
}
