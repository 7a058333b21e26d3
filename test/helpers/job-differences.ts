/** A leaf of two values of JSON that is another one, or in one of them only. */
export interface LeafDifference {
  /** Without the numbers of lists: `TaskGroups[].Count`. */
  readonly path: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** Where two values of JSON differ; null, an empty list and an empty map say the same. */
export function jobDifferences(theirs: unknown, ours: unknown): LeafDifference[] {
  const [a, b] = [new Map(leaves(theirs, "")), new Map(leaves(ours, ""))];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((place) => {
    const [left, right] = [a.get(place), b.get(place)];
    return left === right ? [] : [{ path: place.replace(/\[\d+\]/g, "[]"), theirs: left, ours: right }];
  });
}

function leaves(value: unknown, path: string): [string, unknown][] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((item, at) => leaves(item, `${path}[${at}]`));
  if (typeof value !== "object") return [[path, value]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === "" ? key : `${path}.${key}`));
}
