import { quote } from "./bracket.ts";
import { SyntaxFailure } from "./syntax.ts";

export interface ReadRepetition {
  readonly min: number;
  /** Infinity for no limit. */
  readonly max: number;
  /** Written as `{n,m}`. */
  readonly counted: boolean;
  /** A `?` stands behind it. */
  readonly lazy: boolean;
  readonly end: number;
}

const SIMPLE: Readonly<Record<string, readonly [number, number]>> = {
  "*": [0, Infinity],
  "+": [1, Infinity],
  "?": [0, 1],
};

/** The most that a count may be, as in Go. */
const MAX_COUNT = 1_000;

/**
 * `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, each with a `?` behind it or none; undefined for what is none, such as `{` or `{,2}`, which
 * stand for themselves.
 * @throws SyntaxFailure for counts that are too large or the wrong way round.
 */
export function readRepetition(source: string, at: number): ReadRepetition | undefined {
  const character = source[at] ?? "";
  const simple = Object.hasOwn(SIMPLE, character) ? SIMPLE[character] : undefined;
  if (simple !== undefined) return { min: simple[0], max: simple[1], counted: false, ...readLazy(source, at + 1) };
  if (character !== "{") return undefined;
  const [whole, least = "", comma, most] = /^\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/.exec(source.slice(at)) ?? [];
  if (whole === undefined) return undefined;
  const min = Number(least);
  const max = comma === undefined ? min : most === undefined ? Infinity : Number(most);
  if (min > MAX_COUNT || (max > MAX_COUNT && max !== Infinity)) {
    throw new SyntaxFailure(`${quote(source, at, at + whole.length)} repeats more than ${MAX_COUNT} times`);
  }
  if (max < min) throw new SyntaxFailure(`${quote(source, at, at + whole.length)} has the larger number first`);
  return { min, max, counted: true, ...readLazy(source, at + whole.length) };
}

function readLazy(source: string, at: number): Pick<ReadRepetition, "lazy" | "end"> {
  const lazy = source[at] === "?";
  return { lazy, end: lazy ? at + 1 : at };
}
