import { isDeepStrictEqual } from "node:util";

/**
 * Whether two parts of jobs say the same, whatever the order of their keys. A record comes from JSON, where what is undefined is not
 * there.
 */
export function isSamePart(one: unknown, other: unknown): boolean {
  const plain = (part: unknown): unknown => (part === undefined ? undefined : JSON.parse(JSON.stringify(part)));
  return isDeepStrictEqual(plain(one), plain(other));
}
