import { type BigFloat, exactDigits, shortestDigits } from "../cty/number.ts";

/** Digits without zeros at the end, and where the point stands, counted from their start. */
interface Digits {
  readonly text: string;
  readonly point: number;
}

/** Rounds to a count of digits; exactly in the middle to the even one. */
function roundTo({ text, point }: Digits, count: number): Digits {
  if (count >= text.length) return { text, point };
  if (count < 0) return { text: "", point: 0 };
  const next = text[count] ?? "0";
  const middle = next === "5" && count + 1 === text.length;
  const up = middle ? Number(text[count - 1] ?? "0") % 2 === 1 : next >= "5";
  const kept = text.slice(0, count);
  if (!up) return { text: trimDigit(kept, "0"), point };
  const carried = trimDigit(kept, "9");
  if (carried === "") return { text: "1", point: point + 1 };
  return { text: carried.slice(0, -1) + String(Number(carried.at(-1)) + 1), point };
}

/** `%.Nf` of a number that is not negative. */
export function formatFixed(value: BigFloat, decimals: number): string {
  const exact = exactDigits(value);
  return placeFixed(roundTo(exact, exact.point + decimals), decimals);
}

function placeFixed({ text, point }: Digits, decimals: number): string {
  const whole = point > 0 ? text.slice(0, point).padEnd(point, "0") : "0";
  const fraction = point > 0 ? text.slice(point) : "0".repeat(-point) + text;
  return decimals === 0 ? whole : `${whole}.${fraction.padEnd(decimals, "0").slice(0, decimals)}`;
}

/** `%.Ne` of a number that is not negative. */
export function formatScientific(value: BigFloat, decimals: number): string {
  return placeScientific(roundTo(exactDigits(value), decimals + 1), decimals);
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
  const digits = wanted === undefined ? shortestDigits(value) : roundTo(exactDigits(value), wanted);
  const { text, point } = digits;
  const limit = wanted === undefined ? 6 : wanted > text.length && text.length >= point ? text.length : wanted;
  const exponent = point - 1;
  if (text !== "" && (exponent < -4 || exponent >= limit)) return placeScientific(digits, text.length - 1);
  return placeFixed(digits, Math.max(text.length - point, 0));
}

function trimDigit(text: string, digit: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === digit) end--;
  return text.slice(0, end);
}
