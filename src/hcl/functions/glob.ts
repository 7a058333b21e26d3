import { CallProblem } from "./function.ts";

/**
 * Whether a path with slashes fits a pattern of `fileset`: `*` is anything within a name, `**` any directories, `?` one character,
 * `[a-z]` one of several, `{a,b}` one of several texts. In linear time, whatever the pattern.
 * @throws CallProblem for a pattern that is none.
 */
export function matchesPattern(path: string, pattern: string): boolean {
  return spread(pattern).some((plain) =>
    matchNames(
      path.split("/"),
      plain.split("/").filter((part) => part !== ""),
    ),
  );
}

/** Longer patterns are no patterns. */
const MAX_PATTERN = 4096;

/** How many patterns `{a,b}` may stand for. */
const MAX_ALTERNATIVES = 200;

/** The patterns that one with `{a,b}` stands for. */
function spread(pattern: string): string[] {
  if (pattern.length > MAX_PATTERN) throw new CallProblem(`the pattern has more than ${MAX_PATTERN} characters`, 1);
  const open: string[] = [pattern];
  const plain: string[] = [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const match = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(next);
    if (match === null) plain.push(next);
    else for (const choice of (match[2] ?? "").split(",")) open.push(`${match[1]}${choice}${match[3]}`);
    if (open.length + plain.length > MAX_ALTERNATIVES) {
      throw new CallProblem(`the pattern stands for more than ${MAX_ALTERNATIVES} others`, 1);
    }
  }
  return plain;
}

function matchNames(names: readonly string[], parts: readonly string[]): boolean {
  return matchAll(names, parts, (part) => part === "**", matchName);
}

function matchName(name: string, part: string): boolean {
  const pieces = part.match(/\*+|\?|\[(?:\\.|[^\]\\])+\]|\\.|[^*?[\\]/gsu) ?? [];
  if (pieces.join("") !== part) throw new CallProblem("the pattern is not well formed", 1);
  return matchAll([...name], pieces, (piece) => piece.startsWith("*"), matchCharacter);
}

/** Goes back to the last piece that stands for any number of items, and never further, so that it takes no more than n × m steps. */
function matchAll(
  items: readonly string[],
  pieces: readonly string[],
  isAny: (piece: string) => boolean,
  matches: (item: string, piece: string) => boolean,
): boolean {
  let [item, piece, any, resume] = [0, 0, -1, 0];
  while (item < items.length) {
    const current = pieces[piece];
    if (current !== undefined && isAny(current)) {
      any = piece++;
      resume = item;
    } else if (current !== undefined && matches(items[item] ?? "", current)) {
      item++;
      piece++;
    } else if (any !== -1) {
      piece = any + 1;
      item = ++resume;
    } else return false;
  }
  return pieces.slice(piece).every(isAny);
}

function matchCharacter(char: string, piece: string): boolean {
  if (piece === "?") return true;
  if (piece.startsWith("\\")) return char === piece.slice(1);
  if (!piece.startsWith("[") || piece.length === 1) return char === piece;
  const [, not, set = ""] = /^\[([!^]?)(.*)\]$/su.exec(piece) ?? [];
  const ranges = set.match(/(?:\\.|[^\\])(?:-(?:\\.|[^\\]))?/gsu) ?? [];
  const within = ranges.some((range) => {
    const [from = "", to = from] = [...range.matchAll(/\\(.)|([^\\-])|^(-)/gsu)].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
    return char >= from && char <= to;
  });
  return within !== (not !== "");
}
