import { compileRegexp } from "../../regexp/regexp.ts";
import { replaceAll } from "../../regexp/replace.ts";
import { type Datum, integer, list, text } from "../cty/datum.ts";
import { STRING } from "../cty/type.ts";
import { integerAt, numberParameter, textAt, textParameter, textsAt, textsParameter } from "./arguments.ts";
import { capitalize, countWalk, lower, splitClusters, upper } from "./characters.ts";
import { CallProblem, type FunctionSpec, type Surroundings } from "./function.ts";

/** White space as Go's `unicode.IsSpace` has it. */
const SPACES = new Set(
  "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

/** Functions of text. */
export const STRING_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  chomp: onText((value) =>
    value.slice(
      0,
      endBefore(value, (char) => char === "\n" || char === "\r"),
    ),
  ),
  indent: { parameters: [numberParameter("spaces"), textParameter("str")], run: indent },
  join: { parameters: [textParameter("separator")], rest: textsParameter("lists"), run: join },
  lower: onText(lower),
  replace: { parameters: [textParameter("str"), textParameter("substr"), textParameter("replace")], run: replace },
  regex_replace: {
    parameters: [textParameter("str"), textParameter("pattern"), textParameter("replace")],
    run: replaceByPattern,
  },
  // Nomad binds both names to the one that turns text around; lists have none.
  reverse: { parameters: [textParameter("str")], run: turnAround },
  strrev: { parameters: [textParameter("str")], run: turnAround },
  split: {
    parameters: [textParameter("separator"), textParameter("str")],
    run(args, { budget }) {
      const separator = textAt(args, 0);
      const parts = separator === "" ? [...textAt(args, 1)] : textAt(args, 1).split(separator);
      budget.values(parts.length);
      return list(STRING, parts.map(text));
    },
  },
  strlen: {
    parameters: [textParameter("str")],
    run: (args, { budget }) => integer(splitClusters(textAt(args, 0), budget).length),
  },
  substr: { parameters: [textParameter("str"), numberParameter("offset"), numberParameter("length")], run: cut },
  title: onText(capitalize),
  trim: {
    parameters: [textParameter("str"), textParameter("cutset")],
    run: (args) => text(trimAll(textAt(args, 0), new Set(textAt(args, 1)))),
  },
  trimprefix: {
    parameters: [textParameter("str"), textParameter("prefix")],
    run: (args) =>
      text(
        textAt(args, 0).startsWith(textAt(args, 1)) ? textAt(args, 0).slice(textAt(args, 1).length) : textAt(args, 0),
      ),
  },
  trimspace: onText((value) => trimAll(value, SPACES)),
  trimsuffix: {
    parameters: [textParameter("str"), textParameter("suffix")],
    run(args) {
      const [value, suffix] = [textAt(args, 0), textAt(args, 1)];
      return text(value.endsWith(suffix) ? value.slice(0, value.length - suffix.length) : value);
    },
  },
  upper: onText(upper),
};

function onText(change: (value: string) => string): FunctionSpec {
  const run: FunctionSpec["run"] = (args, { budget }) => {
    countWalk(textAt(args, 0), budget);
    return text(change(textAt(args, 0)));
  };
  return { parameters: [textParameter("str")], run };
}

/** Where what is at the end begins. */
function endBefore(value: string, isEnd: (char: string) => boolean): number {
  let end = value.length;
  while (end > 0 && isEnd(value[end - 1] ?? "")) end--;
  return end;
}

function trimAll(value: string, cut: ReadonlySet<string>): string {
  const chars = [...value];
  const start = chars.findIndex((char) => !cut.has(char));
  if (start === -1) return "";
  return chars.slice(start, chars.findLastIndex((char) => !cut.has(char)) + 1).join("");
}

/** Deeper than any text that somebody reads. */
const MOST_SPACES = 4096;

function indent(args: readonly Datum[], { budget }: Surroundings): Datum {
  const spaces = integerAt(args, 0);
  if (spaces < 0 || spaces > MOST_SPACES) throw new CallProblem(`expected a number from 0 to ${MOST_SPACES}`, 0);
  const lines = textAt(args, 1).split("\n");
  budget.text(spaces * (lines.length - 1));
  return text(lines.join(`\n${" ".repeat(lines.length > 1 ? spaces : 0)}`));
}

function join(args: readonly Datum[], { budget }: Surroundings): Datum {
  if (args.length < 2) throw new CallProblem("at least one list is needed");
  const separator = textAt(args, 0);
  const texts = args.slice(1).flatMap((_, index) => textsAt(args, index + 1));
  budget.text(texts.reduce((length, own) => length + own.length + separator.length, 0));
  return text(texts.join(separator));
}

/** Nothing is between all characters, and at both ends. */
function replace(args: readonly Datum[], { budget }: Surroundings): Datum {
  const [value, old, next] = [textAt(args, 0), textAt(args, 1), textAt(args, 2)];
  const parts = old === "" ? ["", ...value, ""] : value.split(old);
  budget.text(parts.length * next.length);
  return text(parts.join(next));
}

/** `$1` and `$${name}` in what is put in are groups of the match. */
function replaceByPattern(args: readonly Datum[], { budget }: Surroundings): Datum {
  budget.work(textAt(args, 1).length);
  const compiled = compileRegexp(textAt(args, 1));
  if (!compiled.ok) throw new CallProblem("this is no regular expression", 1, compiled.message);
  budget.work(compiled.regexp.size);
  return text(
    replaceAll(
      compiled.regexp,
      textAt(args, 0),
      textAt(args, 2),
      (steps) => budget.work(steps),
      (length) => budget.text(length),
    ),
  );
}

function turnAround(args: readonly Datum[], { budget }: Surroundings): Datum {
  return text(splitClusters(textAt(args, 0), budget).toReversed().join(""));
}

/** From the end when the offset is negative, to the end when the length is. */
function cut(args: readonly Datum[], { budget }: Surroundings): Datum {
  const [offset, length] = [integerAt(args, 1), integerAt(args, 2)];
  const clusters = splitClusters(textAt(args, 0), budget);
  if (offset >= 0 && length === 0) return text("");
  const start = offset < 0 ? Math.max(clusters.length + offset, 0) : offset;
  // cty takes all that is left for a length of 0 behind a negative offset.
  return text(clusters.slice(start, length <= 0 ? undefined : start + length).join(""));
}
