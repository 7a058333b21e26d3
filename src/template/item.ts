/** A value of a template, as Go's text/template has them. */
export type Item =
  | { readonly kind: "nil" }
  | { readonly kind: "bool"; readonly value: boolean }
  /** Within 64 bits. */
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  /** `ofText`: Go's `[]string`, which some functions want. */
  | { readonly kind: "list"; readonly items: readonly Item[]; readonly ofText: boolean }
  /** `ofText`: Go's `map[string]string`, of which what is missing is "" and not nothing. */
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, Item>; readonly ofText: boolean }
  /** What `loop` gives: whole numbers that are made when they are gone through. */
  | { readonly kind: "loop"; readonly start: bigint; readonly stop: bigint };

export const NIL: Item = { kind: "nil" };

export const textItem = (value: string): Item => ({ kind: "text", value });
export const flagItem = (value: boolean): Item => ({ kind: "bool", value });

/** @param value taken modulo 2^64, as Go's sums are. */
export const intItem = (value: bigint): Item => ({ kind: "int", value: BigInt.asIntN(64, value) });

const NOUNS: Readonly<Record<Item["kind"], string>> = {
  nil: "nothing",
  bool: "true or false",
  int: "a whole number",
  float: "a number with a fraction",
  text: "text",
  list: "a list",
  map: "a map",
  loop: "a loop",
};

/** What an item is, for messages. */
export const describeItem = ({ kind }: Item): string => NOUNS[kind];

/** Whether a condition holds: what is zero or empty is false. */
export function isTrue(item: Item): boolean {
  switch (item.kind) {
    case "nil":
      return false;
    case "bool":
      return item.value;
    case "int":
      return item.value !== 0n;
    case "float":
      return item.value !== 0;
    case "text":
      return item.value !== "";
    case "list":
      return item.items.length > 0;
    case "map":
      return item.entries.size > 0;
    case "loop":
      return true;
  }
}

/** The entries of a map by the bytes of their keys, as Go goes through them. */
export function sortedEntries(entries: ReadonlyMap<string, Item>): [string, Item][] {
  return [...entries].toSorted(([a], [b]) => compareTexts(a, b));
}

/** By bytes of UTF-8, which is the order of code points and not that of UTF-16. */
export function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
