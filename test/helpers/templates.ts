import { randomBelow } from "./random.ts";

const VALUES = [
  ...["0", "1", "-3", "2.5", '""', '"a"', '"b"', '"héy"', "true", "false", ".", "$", "`r`", "'c'", "0x1f", "1e3"],
  ...['(split "," "a,b")', '(split "," "c")', '(parseJSON `[1,"x",null,[2]]`)', '(parseJSON `{"k":1,"a":{"b":"v"}}`)'],
  ...["(parseJSON `{}`)", ".k", ".a.b", ".a.none", "$x", "$y", "$x.a"],
];
const PAIRED = ["eq", "ne", "lt", "le", "gt", "ge", "and", "or", "index", "print", "slice", "println"];
const SINGLE = ["not", "len", "print", "and"];
const TEXTS = ["t", " ", "\n", "  \n ", "}", "{", "-", " x "];

/** Makes templates of Go's text/template out of its functions of its own, `split` and `parseJSON`; the same ones for a seed. */
export function makeTemplates(seed: number, count: number): string[] {
  const below = randomBelow(seed);
  const pick = (list: readonly string[]): string => list[below(list.length)] ?? "";
  const value = (depth: number): string => {
    if (depth === 0 || below(3) > 0) return pick(VALUES);
    return `(${call(depth - 1)})`;
  };
  const call = (depth: number): string => {
    switch (below(5)) {
      case 0:
        return `${pick(SINGLE)} ${value(depth)}`;
      case 1:
        return `${value(depth)} | ${pick(SINGLE)}`;
      case 2:
        return `${value(depth)} | ${pick(PAIRED)} ${value(depth)}`;
      case 3:
        return value(depth);
      default:
        return `${pick(PAIRED)} ${value(depth)} ${value(depth)}`;
    }
  };
  const action = (inside: string): string => `{{${pick(["", " ", "- "])}${inside}${pick(["", " ", " -"])}}}`;
  const block = (depth: number): string => {
    const kind = pick(["if", "with", "range"]);
    const declares = pick(["", "", "$x := ", "$y := ", kind === "range" ? "$x, $y := " : "$x = "]);
    const begin = action(
      `${kind} ${declares}${kind === "range" ? pick([value(1), "3", '(split "," "p,q")']) : call(depth)}`,
    );
    const leap = kind === "range" && below(4) === 0 ? action(pick(["break", "continue"])) : "";
    const other =
      below(2) === 0
        ? ""
        : `${action(kind === "range" || below(2) === 0 ? "else" : `else ${kind} ${call(1)}`)}${body(depth - 1)}`;
    return `${begin}${body(depth - 1)}${leap}${other}${action("end")}`;
  };
  const body = (depth: number): string =>
    Array.from({ length: 1 + below(3) }, () => {
      if (below(3) === 0) return pick(TEXTS);
      if (below(6) === 0) return action(`$${pick(["x", "y"])} ${pick([":=", "="])} ${call(1)}`);
      return depth > 0 && below(2) === 0 ? block(depth) : action(call(2));
    }).join("");
  return Array.from({ length: count }, () => `{{$x := 1}}{{$y := "y"}}${body(2)}`);
}
