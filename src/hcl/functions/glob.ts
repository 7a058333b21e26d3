import { CallProblem } from "./function.ts";

/**
 * Says whether a path with slashes fits a pattern of `fileset`: `*` is anything within a name, `**` any directories, `?` one character,
 * `[a-z]` one of several, `{a,b}` one of several texts. In linear time, whatever the pattern.
 * @throws CallProblem for a pattern that is none.
 */
export function readPattern(pattern: string): (path: string) => boolean {
  const plain = spread(pattern).map((one) =>
    one
      .split("/")
      .filter((part) => part !== "")
      .map(readName),
  );
  return (path) => {
    const names = path.split("/").map((name) => [...name]);
    return plain.some((parts) => matchAll(names, parts, isAnyDirectories, matchName));
  };
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

/** The pieces of a name in a pattern; each stands for one character, or for any number of them. */
function readName(part: string): readonly string[] {
  const pieces = part.match(/\*+|\?|\[(?:\\.|[^\]\\])+\]|\\.|[^*?[\\]/gsu) ?? [];
  if (pieces.join("") !== part) throw new CallProblem("the pattern is not well formed", 1);
  return pieces;
}

const isAnyDirectories = (pieces: readonly string[]): boolean => pieces.length === 1 && pieces[0] === "**";

function matchName(name: readonly string[], pieces: readonly string[]): boolean {
  return matchAll(name, pieces, (piece) => piece.startsWith("*"), matchCharacter);
}

/** Goes back to the last piece that stands for any number of items, and never further, so that it takes no more than n × m steps. */
function matchAll<Item, Piece>(
  items: readonly Item[],
  pieces: readonly Piece[],
  isAny: (piece: Piece) => boolean,
  matches: (item: Item, piece: Piece) => boolean,
): boolean {
  let [item, piece, any, resume] = [0, 0, -1, 0];
  while (item < items.length) {
    const [current, own] = [pieces[piece], items[item]];
    if (current !== undefined && isAny(current)) {
      any = piece++;
      resume = item;
    } else if (current !== undefined && own !== undefined && matches(own, current)) {
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
