/** Digits as Go reads them: a `_` may stand between two. */
const DIGITS = "[0-9](?:_?[0-9])*";
const HEX_DIGITS = "[0-9a-f](?:_?[0-9a-f])*";

const DECIMAL = new RegExp(`^[+-]?(?:${DIGITS}(?:\\.(?:${DIGITS})?)?|\\.${DIGITS})(?:e[+-]?${DIGITS})?$`);
const HEXADECIMAL = new RegExp(
  `^([+-]?)0x(?:_?(${HEX_DIGITS})(?:\\.(${HEX_DIGITS})?)?|\\.(${HEX_DIGITS}))p([+-]?${DIGITS})$`,
);

/** An integer of Go's `strconv.ParseInt(s, 10, 64)`; undefined for what is none. */
export function parseInteger(text: string): bigint | undefined {
  // More digits than an int64 has, zeros in front aside, need not be read.
  if (!/^[+-]?0*\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ""));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
}

/**
 * A number of Go's `strconv.ParseFloat(s, 64)`: decimal, hexadecimal with an exponent of two, infinity, NaN; undefined for what is
 * none, or out of range.
 */
export function parseFloatText(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(lower)) return lower.startsWith("-") ? -Infinity : Infinity;
  if (lower === "nan") return Number.NaN;
  const hex = HEXADECIMAL.exec(lower);
  const value = hex === null ? parseDecimal(lower) : parseHexadecimal(hex);
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

function parseDecimal(text: string): number | undefined {
  return DECIMAL.test(text) ? Number(text.replaceAll("_", "")) : undefined;
}

function parseHexadecimal(match: RegExpExecArray): number {
  const [sign = "", whole = "", behind, alone, exponent = ""] = match.slice(1).map((part) => part?.replaceAll("_", ""));
  const part = behind ?? alone ?? "";
  // Beyond this nothing is left of any number, and zeros in front are no reason to read a longer one.
  const power = Math.max(-100_000, Math.min(100_000, Number(exponent)));
  const value = Number(BigInt(`0x${whole}${part}`)) * 2 ** (power - 4 * part.length);
  return sign === "-" ? -value : value;
}
