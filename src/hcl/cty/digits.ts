/** Decimal digits without zeros at their end. */
export interface Digits {
  readonly text: string;
  /** Where the point stands, in digits from the start. */
  readonly point: number;
}

/** Rounds to a count of digits; exactly in the middle to the even one. */
export function roundDigits(digits: Digits, count: number): Digits {
  if (count >= digits.text.length) return digits;
  if (count < 0) return { text: "", point: 0 };
  return isUpperHalf(digits.text, count) ? roundUp(digits, count) : cut(digits, count);
}

function isUpperHalf(text: string, at: number): boolean {
  const next = text[at] ?? "0";
  // Exactly in the middle, the even digit is taken.
  if (next === "5" && at + 1 === text.length) return Number(text[at - 1] ?? "0") % 2 === 1;
  return next >= "5";
}

/** The first digits. */
export function cut({ text, point }: Digits, length: number): Digits {
  return { text: withoutLast(text.slice(0, length), "0"), point };
}

/** The first digits, the last of them one higher. */
export function roundUp({ text, point }: Digits, length: number): Digits {
  const kept = withoutLast(text.slice(0, length), "9");
  if (kept === "") return { text: "1", point: point + 1 };
  return { text: kept.slice(0, -1) + String(Number(kept.at(-1)) + 1), point };
}

/** Without the same digit at the end, in linear time. */
export function withoutLast(text: string, digit: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === digit) end--;
  return text.slice(0, end);
}
