/** Whole numbers from `first` to `last`, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a list such as `22,80,8500-8600`, the form of Nomad's `reserved_ports` and of Linux's cpu lists; spaces around its parts
 * mean nothing, and the empty text is the empty list.
 * @returns undefined when it is none, or when a number lies outside `least` to `most`.
 */
export function parseRanges(text: string, least: number, most: number): readonly Range[] | undefined {
  if (text.trim() === "") return [];
  const ranges: Range[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first < least || last > most || first > last) return undefined;
    ranges.push({ first, last });
  }
  return ranges;
}

/** Whether a number is in one of the ranges. */
export function inRanges(ranges: readonly Range[], value: number): boolean {
  return ranges.some(({ first, last }) => value >= first && value <= last);
}

/** How many different numbers there are from `least` to `most` that the ranges hold. */
export function countInRanges(ranges: readonly Range[], least: number, most: number): number {
  let count = 0;
  let seen = least - 1;
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const from = Math.max(first, seen + 1);
    const to = Math.min(last, most);
    if (to >= from) count += to - from + 1;
    seen = Math.max(seen, to);
  }
  return count;
}

/** Writes ranges as `parseRanges` reads them. */
export function formatRanges(ranges: readonly Range[]): string {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
