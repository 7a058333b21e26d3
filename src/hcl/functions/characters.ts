import type { Budget } from "../budget.ts";

const PLAIN = /^[\u0000-\u000c\u000e-\u007f]*$/;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The characters that people see: what belongs to one, such as accents and the parts of an emoji, stays together. */
export function splitClusters(text: string, budget: Budget): string[] {
  countWalk(text, budget);
  if (PLAIN.test(text)) return text.split("");
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Counts a walk through the characters of a text, which takes longer than a look at it. @throws Exhausted. */
export function countWalk(text: string, budget: Budget): void {
  budget.work(PLAIN.test(text) ? Math.ceil(text.length / 8) : text.length);
}

/** How many characters people see. */
export function countClusters(text: string, budget: Budget): number {
  return PLAIN.test(text) ? text.length : splitClusters(text, budget).length;
}

/** Capital letters, each by itself as Go makes them: `ß` has none of one letter and stays. */
export function upper(text: string): string {
  return changeCase(text, (char) => char.toUpperCase());
}

/** Small letters, each by itself as Go makes them. */
export function lower(text: string): string {
  // The one letter of which JavaScript makes two.
  return changeCase(text, (char) => (char === "\u0130" ? "i" : char.toLowerCase()));
}

function changeCase(text: string, change: (char: string) => string): string {
  if (PLAIN.test(text)) return change(text);
  return [...text]
    .map((char) => {
      const changed = change(char);
      return [...changed].length === 1 ? changed : char;
    })
    .join("");
}

/** A capital letter at the start of each word; a word is letters, digits and `_`. */
export function capitalize(text: string): string {
  let before = " ";
  return [...text]
    .map((char) => {
      const starts = isSeparator(before);
      before = char;
      return starts ? upper(char) : char;
    })
    .join("");
}

function isSeparator(char: string): boolean {
  if (char <= "\u007f") return !/[0-9A-Za-z_]/.test(char);
  return !/[\p{L}\p{Nd}]/u.test(char) && /\s|\u0085/u.test(char);
}
