import type { Budget } from "../budget.ts";
import { convert } from "../cty/convert.ts";
import {
  type Datum,
  FALSE,
  integer,
  isMapping,
  isSequence,
  NULL,
  number,
  object,
  TRUE,
  text,
  tuple,
} from "../cty/datum.ts";
import { parseNumber } from "../cty/number.ts";
import { STRING } from "../cty/type.ts";
import { MAX_VALUE_DEPTH } from "../limits.ts";
import { CallProblem } from "./function.ts";
import type { ScalarStyle } from "./yaml-node.ts";
import { YAML_TAG, YamlFault, type YamlNode } from "./yaml-node.ts";
import { parseYaml } from "./yaml-tree.ts";

/** So that what a job file can have read, 500,000 characters, takes at most some two seconds. */
const WORK_PER_CHARACTER = 10;

/**
 * The value of a document of YAML, by the rules of Nomad's reader (go-cty-yaml 1.2): words and numbers of YAML 1.1 without those of base 60,
 * octal ones behind `0o`, dates as text. @throws CallProblem for what is no YAML or no value of HCL, Exhausted.
 */
export function decodeYaml(source: string, budget: Budget): Datum {
  // Reading takes much longer than looking: some 3 µs a character.
  budget.work(source.length * WORK_PER_CHARACTER);
  try {
    const value = new Reader(budget).read(parseYaml(source, MAX_VALUE_DEPTH));
    // What an alias repeats counts as if it were written out.
    budget.look(value);
    return value;
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    throw new CallProblem(`this is no YAML: line ${error.line}, column ${error.column}: ${error.message}`, 0);
  }
}

const tagOf = (name: string): string => `${YAML_TAG}${name}`;

class Reader {
  readonly #budget: Budget;
  readonly #anchors = new Map<string, Datum>();
  /** Those whose values are being read; one name may be there twice. */
  readonly #open: string[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  read(node: YamlNode): Datum {
    if (node.kind === "alias") return this.#alias(node);
    const { anchor } = node;
    if (anchor !== "") this.#open.push(anchor);
    const value = this.#value(node);
    if (anchor !== "") {
      this.#open.splice(this.#open.lastIndexOf(anchor), 1);
      this.#anchors.set(anchor, value);
    }
    return value;
  }

  #alias(node: YamlNode & { readonly kind: "alias" }): Datum {
    if (this.#open.includes(node.name)) return fail(node, "an anchor cannot be a part of itself");
    return this.#anchors.get(node.name) ?? fail(node, "there is no such anchor before this");
  }

  #value(node: Exclude<YamlNode, { kind: "alias" }>): Datum {
    this.#budget.values(1);
    switch (node.kind) {
      case "scalar": {
        const value = resolve(node);
        // Go by the way it is written is only the type, and that is text for all but plain words.
        return node.tag === "" && node.style !== "plain" ? convert(value, STRING) : value;
      }
      case "list":
        if (node.tag !== "" && node.tag !== tagOf("seq")) fail(node, "a list cannot be of this tag");
        return tuple(node.items.map((item) => this.read(item)));
      case "map":
        if (node.tag !== "" && node.tag !== tagOf("map")) fail(node, "a map cannot be of this tag");
        return this.#map(node.entries);
    }
  }

  #map(entries: readonly (readonly [YamlNode, YamlNode])[]): Datum {
    const values = new Map<string, Datum>();
    const merge = (node: YamlNode, value: Datum): void => {
      if (!isMapping(value)) fail(node, "only maps can be merged into one");
      this.#budget.values(value.entries.size);
      for (const [key, part] of value.entries) values.set(key, part);
    };
    for (const [key, node] of entries) {
      const value = this.read(node);
      if (!isMergeKey(key)) values.set(this.#key(key), value);
      else if (isSequence(value)) for (const item of value.items) merge(node, item);
      else merge(node, value);
    }
    return object(values);
  }

  #key(node: YamlNode): string {
    if (node.kind !== "scalar") return fail(node, "a key must be text");
    const value = resolve(node);
    if (value.kind === "null") return fail(node, "a key cannot be null");
    const key = convert(value, STRING);
    return key.kind === "string" ? key.value : "";
  }
}

/** An anchor of a key counts for nothing. */
function isMergeKey(node: YamlNode): boolean {
  if (node.kind !== "scalar") return false;
  return node.tag === tagOf("merge") || (node.tag === "" && node.text === "<<");
}

function fail({ line, column }: Pick<YamlNode, "line" | "column">, message: string): never {
  throw new YamlFault(message, { line, column });
}

const WORDS: ReadonlyMap<string, Datum> = new Map(
  [
    [TRUE, ["y", "Y", ...casesOf("yes"), ...casesOf("true"), ...casesOf("on")]] as const,
    [FALSE, ["n", "N", ...casesOf("no"), ...casesOf("false"), ...casesOf("off")]] as const,
    [NULL, ["", "~", ...casesOf("null")]] as const,
  ].flatMap(([value, words]) => words.map((word): [string, Datum] => [word, value])),
);

function casesOf(word: string): string[] {
  return [word, `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`, word.toUpperCase()];
}

const INFINITE = /^[-+]?\.(inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(nan|NaN|NAN)$/;
const WHOLE = /^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const FRACTION = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
/** What a word must begin with to be looked at as anything but text. */
const HINT = /^[-+0-9yYnNtTfFoO~.]/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

interface Scalar extends Pick<YamlNode, "tag" | "line" | "column"> {
  readonly text: string;
  readonly style: ScalarStyle;
}

function resolve(node: Scalar): Datum {
  const { tag, text: source, style } = node;
  const name = tag.startsWith(YAML_TAG) ? tag.slice(YAML_TAG.length) : tag === "" ? "" : undefined;
  const isText = name === "str" || name === "binary";
  if (!isText && (source === "" || HINT.test(source))) {
    if (style === "quoted" && name !== undefined && KNOWN.has(name)) return text(source);
    const found = resolveWord(node, name);
    if (found !== undefined) return found;
  }
  switch (name) {
    case "":
    case "str":
      return text(source);
    case "binary":
      if (!BASE64.test(source.replace(/[\r\n]/g, ""))) fail(node, "this is not valid base64");
      return text(source);
    case "bool":
      return fail(node, "this is neither true nor false");
    case "int":
    case "float":
      return readNumber(source) ?? fail(node, "this is no number");
    case "timestamp":
      return readTime(source) ?? fail(node, "this is no time");
    case "null":
      return NULL;
    default:
      return fail(node, "this tag is not known");
  }
}

const KNOWN = new Set(["", "bool", "int", "float", "null", "timestamp"]);

/** What a word means by the way it looks; undefined when that is for its tag to say. */
function resolveWord(node: Scalar, name: string | undefined): Datum | undefined {
  const { text: source } = node;
  if (name === undefined || !KNOWN.has(name)) return undefined;
  const word = WORDS.get(source);
  if (word !== undefined) return word;
  if (INFINITE.test(source)) return fail(node, "no attribute of a job can be infinite");
  if (name === "" && NOT_A_NUMBER.test(source)) return fail(node, "this is no number");
  if (source.startsWith(".")) return parseDecimal(source);
  if (!/^[-+0-9]/.test(source)) return undefined;
  const time = name === "" || name === "timestamp" ? readTime(source) : undefined;
  if (time !== undefined) return time;
  if (!WHOLE.test(source) && !FRACTION.test(source)) return undefined;
  return readNumber(source) ?? fail(node, "this is no number");
}

function parseDecimal(source: string): Datum | undefined {
  const value = /^[-+]?[0-9.]/.test(source) ? parseNumber(source) : undefined;
  return value === undefined ? undefined : number(value);
}

/** The bases are told by the prefixes of Go's numbers, and whole numbers of these have 64 bits. */
function readNumber(source: string): Datum | undefined {
  const plain = source.replaceAll("_", "");
  const decimal = parseDecimal(plain);
  if (decimal !== undefined) return decimal;
  const [, sign = "", digits = ""] = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.exec(plain) ?? [];
  if (digits === "") return undefined;
  const size = BigInt(digits.toLowerCase());
  const most = sign === "-" ? 2n ** 63n : sign === "+" ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return size > most ? undefined : integer(sign === "-" ? -size : size);
}

const DATE = /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(.*)$/s;
const TIME = /^([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]{1,9})?(.*)$/s;
const ZONE = /^([-+])([0-9]{2}):([0-9]{2})$/;
const two = (value: number): string => String(value).padStart(2, "0");

/** A date, with a time or without, as RFC 3339 has it; undefined for any other text. */
function readTime(source: string): Datum | undefined {
  const [, year = "", month = "", day = "", rest = ""] = DATE.exec(source) ?? [];
  const days = new Date(Date.UTC(2000, 0, 1));
  days.setUTCFullYear(Number(year), Number(month), 0);
  const isDate = year !== "" && Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1;
  if (!isDate || Number(day) > days.getUTCDate()) return undefined;
  const date = `${year}-${two(Number(month))}-${two(Number(day))}`;
  if (rest === "") return text(`${date}T00:00:00Z`);
  const time = TIME.exec(rest.slice(1));
  if (time === null || !/^[Tt ]/.test(rest)) return undefined;
  const [hour, minute, second] = [time[1], time[2], time[3]].map(Number) as [number, number, number];
  const zone = rest.startsWith(" ") ? (time[4] === "" ? "Z" : undefined) : zoneOf(time[4] ?? "");
  if (hour > 23 || minute > 59 || second > 59 || zone === undefined) return undefined;
  return text(`${date}T${two(hour)}:${two(minute)}:${two(second)}${zone}`);
}

/** Some write offsets of 24 hours or of 60 minutes. */
function zoneOf(source: string): string | undefined {
  if (source === "Z") return "Z";
  const [, sign = "", hours = "", minutes = ""] = ZONE.exec(source) ?? [];
  if (sign === "" || Number(hours) > 24 || Number(minutes) > 60) return undefined;
  const offset = Number(hours) * 60 + Number(minutes);
  return offset === 0 ? "Z" : `${sign}${two(Math.floor(offset / 60))}:${two(offset % 60)}`;
}
