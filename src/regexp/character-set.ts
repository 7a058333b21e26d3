/** A part of a set: characters from one code point to another, or what has a property of Unicode. */
export type SetPart =
  | { readonly from: number; readonly to: number }
  /** `source` is JavaScript's spelling, `\p{Lu}`. */
  | { readonly source: string };

/** Parts that are taken together, or all but them. */
export interface SetGroup {
  readonly parts: readonly SetPart[];
  readonly negated: boolean;
}

/** A set of characters, tested by code point. */
export interface CharacterSet {
  has(codePoint: number): boolean;
}

const ASCII = 128;

/**
 * The characters of any of `groups`, or all but these.
 * @param fold characters that differ in case alone are the same (Unicode's simple folding, as in Go).
 */
export function characterSet(
  groups: readonly SetGroup[],
  { fold, negated }: { fold: boolean; negated: boolean },
): CharacterSet {
  const single = fold ? undefined : singleCharacter(groups);
  if (single !== undefined) return { has: (codePoint) => (codePoint === single) !== negated };
  const tests = groups.map((group) => groupTest(group, fold));
  const isIn = (codePoint: number): boolean => {
    const text = String.fromCodePoint(codePoint);
    return tests.some((test) => test(text)) !== negated;
  };
  /** 0 for what was not asked yet. */
  const known = new Uint8Array(ASCII);
  return {
    has: (codePoint) => {
      if (codePoint >= ASCII) return isIn(codePoint);
      if (known[codePoint] === 0) known[codePoint] = isIn(codePoint) ? 2 : 1;
      return known[codePoint] === 2;
    },
  };
}

function singleCharacter([group, ...others]: readonly SetGroup[]): number | undefined {
  const [part, ...more] = group?.parts ?? [];
  if (group === undefined || group.negated || others.length > 0 || part === undefined || more.length > 0)
    return undefined;
  return "from" in part && part.from === part.to ? part.from : undefined;
}

/** JavaScript's engine knows Unicode's tables; asked for one character by a set without repetitions it has nothing to search. */
function groupTest({ parts, negated }: SetGroup, fold: boolean): (character: string) => boolean {
  const source = parts
    .map((part) => ("source" in part ? part.source : `${spell(part.from)}-${spell(part.to)}`))
    .join("");
  const expression = new RegExp(`^[${source}]$`, fold ? "iu" : "u");
  return (character) => expression.test(character) !== negated;
}

function spell(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}
