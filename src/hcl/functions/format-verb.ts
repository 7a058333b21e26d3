import type { Budget } from "../budget.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, typeOf } from "../cty/datum.ts";
import { type BigFloat, isWhole, truncate } from "../cty/number.ts";
import { BOOL, describeType, NUMBER, STRING, type Type } from "../cty/type.ts";
import { countClusters, splitClusters } from "./characters.ts";
import { formatFixed, formatGeneral, formatScientific } from "./decimals.ts";
import { CallProblem } from "./function.ts";
import { encodeJson, quoteJson } from "./json.ts";

/** One verb of a format: `%-5.2[1]f`. */
export interface Verb {
  readonly raw: string;
  readonly mode: string;
  readonly flags: ReadonlySet<string>;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  /** The argument that it names, counted from 1. */
  readonly argument: number | undefined;
}

const VERB = /%([0#\-+ ]*)([1-9]\d*)?(?:\.(\d*))?(?:\[([1-9]\d*)\])?([A-Za-z])/y;

/** Wider and more precise than any text that somebody reads. */
const MOST_DIGITS = 4096;

/** Reads the verb at a `%`. @throws CallProblem. */
export function readVerb(pattern: string, at: number): Verb {
  VERB.lastIndex = at;
  const match = VERB.exec(pattern);
  if (match === null) throw new CallProblem(`no verb stands behind the "%" at character ${at + 1}`, 0);
  const [raw, flags = "", width, precision, argument, mode = ""] = match;
  for (const digits of [width, precision, argument]) {
    if (Number(digits ?? 0) > MOST_DIGITS) throw new CallProblem(`a number in it is above ${MOST_DIGITS}`, 0);
  }
  return {
    raw,
    mode,
    flags: new Set(flags),
    width: width === undefined ? undefined : Number(width),
    precision: precision === undefined ? undefined : Number(precision),
    argument: argument === undefined ? undefined : Number(argument),
  };
}

/** A value as a verb says. @throws CallProblem. */
export function formatValue(verb: Verb, value: Datum, budget: Budget): string {
  const { mode } = verb;
  if (mode === "v") return pad(verb, formatAsIs(verb, value, budget), budget);
  if (value.kind === "null") throw new CallProblem(`${verb.raw} cannot format null`);
  if (mode === "t") return converted(verb, value, BOOL).kind === "bool" ? asText(verb, value, BOOL) : "";
  if ("bdoxX".includes(mode)) return formatInteger(verb, asNumber(verb, value));
  if ("eEfgG".includes(mode)) return formatDecimal(verb, asNumber(verb, value));
  if (mode === "s" || mode === "q") {
    const cut = cutText(verb, asText(verb, value, STRING), budget);
    return pad(verb, mode === "q" ? quoteJson(cut) : cut, budget);
  }
  throw new CallProblem(`there is no verb ${verb.raw}`, 0);
}

function formatAsIs({ flags }: Verb, value: Datum, budget: Budget): string {
  if (!flags.has("#") && value.kind === "string") return value.value;
  if (!flags.has("#") && value.kind === "number") return formatGeneral(value.value, undefined);
  return encodeJson(value, budget);
}

function converted({ raw }: Verb, value: Datum, type: Type): Datum {
  try {
    return convert(value, type);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new CallProblem(`${raw} formats ${describeType(type)}, found ${describeType(typeOf(value))}`);
  }
}

function asNumber(verb: Verb, value: Datum): BigFloat {
  const number = converted(verb, value, NUMBER);
  if (number.kind === "number") return number.value;
  throw new CallProblem(`${verb.raw} cannot format null`);
}

function asText(verb: Verb, value: Datum, type: Type): string {
  const text = converted(verb, converted(verb, value, type), STRING);
  return text.kind === "string" ? text.value : "";
}

/** Digits of a base, as Go's `fmt` writes big integers. */
const BASES: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  b: [2, "0b"],
  d: [10, ""],
  o: [8, "0"],
  x: [16, "0x"],
  X: [16, "0X"],
};

function formatInteger({ raw, mode, flags, width = 0, precision }: Verb, value: BigFloat): string {
  if (!isWhole(value)) throw new CallProblem(`${raw} formats whole numbers, found one with a fraction`);
  const whole = truncate(value);
  const [base, prefix] = BASES[mode] ?? [10, ""];
  const magnitude = (whole < 0n ? -whole : whole).toString(base);
  if (magnitude === "0" && precision === 0) return "";
  const digits = (mode === "X" ? magnitude.toUpperCase() : magnitude).padStart(precision ?? 0, "0");
  const lead = signOf(whole < 0n, flags) + (flags.has("#") ? prefix : "");
  return align(lead, digits, flags, width, precision === undefined);
}

function formatDecimal({ mode, flags, width = 0, precision }: Verb, value: BigFloat): string {
  const negative = value.mantissa < 0n;
  const magnitude = negative ? { ...value, mantissa: -value.mantissa } : value;
  const lower = mode.toLowerCase();
  const digits =
    lower === "f"
      ? formatFixed(magnitude, precision ?? 6)
      : lower === "e"
        ? formatScientific(magnitude, precision ?? 6)
        : formatGeneral(magnitude, precision);
  const cased = mode === lower ? digits : digits.toUpperCase();
  // Go's floating-point numbers are filled up with zeros even where they stand to the left; its whole numbers are not.
  const zeros = flags.has("0") ? new Set([...flags].filter((flag) => flag !== "-")) : flags;
  return align(signOf(negative, flags), cased, zeros, width, true);
}

function signOf(negative: boolean, flags: ReadonlySet<string>): string {
  if (negative) return "-";
  if (flags.has("+")) return "+";
  return flags.has(" ") ? " " : "";
}

/** @param zeros whether the flag `0` may fill up with zeros. */
function align(lead: string, digits: string, flags: ReadonlySet<string>, width: number, zeros: boolean): string {
  const missing = width - lead.length - digits.length;
  if (missing <= 0) return lead + digits;
  if (flags.has("-")) return lead + digits + " ".repeat(missing);
  if (flags.has("0") && zeros) return lead + "0".repeat(missing) + digits;
  return " ".repeat(missing) + lead + digits;
}

function cutText({ precision = 0 }: Verb, value: string, budget: Budget): string {
  return precision === 0 ? value : splitClusters(value, budget).slice(0, precision).join("");
}

function pad({ width = 0, flags }: Verb, value: string, budget: Budget): string {
  const missing = width === 0 ? 0 : width - countClusters(value, budget);
  if (missing <= 0) return value;
  const filling = (flags.has("0") ? "0" : " ").repeat(missing);
  return flags.has("-") ? value + filling : filling + value;
}
