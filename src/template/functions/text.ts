import { createHash, createHmac } from "node:crypto";
import { TemplateFault } from "../fault.ts";
import { type Item, textItem } from "../item.ts";
import { type FunctionTable, fixed, intAt, type Surroundings, textAt, textsAt } from "./function.ts";

type Change = (text: string, other: string) => string;

/** A function of a text alone. */
const ofText = (change: (text: string) => string) =>
  fixed(1, (values, { budget }) => {
    const text = textAt(values, 0);
    budget.text(text.length);
    return textItem(change(text));
  });

/** A function whose first text says what is to be done to the second. */
const byText = (change: Change) =>
  fixed(2, (values, { budget }) => {
    const text = textAt(values, 1);
    budget.text(text.length);
    return textItem(change(text, textAt(values, 0)));
  });

/** Functions that make text of text. */
export const TEXT_FUNCTIONS: FunctionTable = {
  toLower: ofText((text) => text.toLowerCase()),
  toUpper: ofText((text) => text.toUpperCase()),
  toTitle: ofText((text) => text.replace(/(?<![\p{L}\p{M}'’])\p{L}/gu, (letter) => letter.toUpperCase())),
  trimSpace: ofText(trimSpace),
  trim: byText((text, cutset) => trimCharacters(text, cutset)),
  trimPrefix: byText((text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  trimSuffix: byText((text, suffix) => (text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text)),
  indent: fixed(2, indent),
  replaceAll: fixed(3, replaceAll),
  join: fixed(2, join),
  base64Encode: ofText((text) => Buffer.from(text).toString("base64")),
  base64Decode: ofText((text) => decode(text, "base64")),
  base64URLEncode: ofText((text) => Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_")),
  base64URLDecode: ofText((text) => decode(text, "base64url")),
  md5sum: ofText((text) => createHash("md5").update(text).digest("hex")),
  sha256Hex: ofText((text) => createHash("sha256").update(text).digest("hex")),
  hmacSHA256Hex: byText((key, message) => createHmac("sha256", key).update(message).digest("hex")),
};

/** What Go's `strings.TrimSpace` takes away. */
export function trimSpace(text: string): string {
  return trimBy(text, (character) =>
    /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(character),
  );
}

function trimCharacters(text: string, cutset: string): string {
  const cut = new Set(cutset);
  return trimBy(text, (character) => cut.has(character));
}

function trimBy(text: string, goes: (character: string) => boolean): string {
  const characters = [...text];
  let [start, end] = [0, characters.length];
  while (start < end && goes(characters[start] ?? "")) start++;
  while (end > start && goes(characters[end - 1] ?? "")) end--;
  return characters.slice(start, end).join("");
}

function indent(values: readonly Item[], { budget }: Surroundings): Item {
  const [spaces, text] = [intAt(values, 0), textAt(values, 1)];
  if (spaces < 0n) throw new TemplateFault("value 1 must be 0 or more");
  const lines = text.split("\n");
  const filled = lines.filter((line) => line !== "").length;
  const width = spaces > 0xffffffffn ? 0xffffffff : Number(spaces);
  budget.text(text.length + filled * width);
  const prefix = filled === 0 ? "" : " ".repeat(width);
  return textItem(lines.map((line) => (line === "" ? "" : prefix + line)).join("\n"));
}

function replaceAll(values: readonly Item[], { budget }: Surroundings): Item {
  const [from, to, text] = [textAt(values, 0), textAt(values, 1), textAt(values, 2)];
  const pieces = from === "" ? ["", ...text, ""] : text.split(from);
  budget.step(pieces.length);
  budget.text(text.length + (pieces.length - 1) * to.length);
  return textItem(pieces.join(to));
}

function join(values: readonly Item[], { budget }: Surroundings): Item {
  const [separator, texts] = [textAt(values, 0), textsAt(values, 1)];
  budget.step(texts.length);
  budget.text(texts.reduce((sum, { length }) => sum + length + separator.length, 0));
  return textItem(texts.join(separator));
}

/** @throws TemplateFault for what Go's decoder does not take, and for bytes that are no text. */
function decode(text: string, alphabet: "base64" | "base64url"): string {
  const digits = text.replace(/[\r\n]/g, "");
  const pattern = alphabet === "base64" ? /^[A-Za-z0-9+/]*={0,2}$/ : /^[A-Za-z0-9_-]*={0,2}$/;
  if (!pattern.test(digits) || digits.length % 4 !== 0) throw new TemplateFault("value 1 must be base64");
  const bytes = Buffer.from(digits, alphabet);
  const decoded = bytes.toString("utf8");
  if (Buffer.from(decoded).equals(bytes)) return decoded;
  throw new TemplateFault("value 1 must be the base64 of text", {
    hint: "fetch a file that is no text with an artifact block",
  });
}
