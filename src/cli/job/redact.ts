import { isOpenOption, redactChecksum, redactSource } from "../../artifact/redact.ts";
import { BLANK, blankSecretData } from "../../base/redact.ts";
import type { Block, Body, Expression } from "../../hcl/ast.ts";
import { isJsonText } from "../../hcl/format.ts";
import { parseHcl } from "../../hcl/parser.ts";
import { secretNames } from "../../hcl/secret-lines.ts";
import { expressionsIn, plainText } from "../../hcl/syntax/references.ts";
import { fileBlock } from "../../job/schema/job.ts";
import { SECRET_NAMES } from "../../job/secret-names.ts";

type Kind = "secrets" | "source" | "options";

const asSecrets = (names: Iterable<string>): [string, Kind][] => [...names].map((name) => [name, "secrets"]);

/** What a name of a job file, or of Nomad's JSON, holds: all values secret, an address, an artifact's options. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...asSecrets(SECRET_NAMES),
  ...asSecrets(secretNames(fileBlock, "json")),
  ["source", "source"],
  ["GetterSource", "source"],
  ["options", "options"],
  ["GetterOptions", "options"],
]);

/**
 * A job in JSON without the values that are never shown, and without the credentials of its artifacts.
 * @param found takes every text that was blanked, so that it can be looked for elsewhere.
 */
export function redactJobJson(value: unknown, found: Set<string>, name = ""): unknown {
  const kind = KINDS.get(name);
  if (value === null || value === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => redactJobJson(item, found, kind === undefined ? "" : name));
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([key, item]) => {
      if (kind === "options" && key === "checksum" && typeof item === "string") return [key, redactSum(item, found)];
      const blank = kind === "secrets" || (kind === "options" && !isOpenOption(key));
      return [key, blank ? blankAll(item, found) : redactJobJson(item, found, key)];
    });
    return Object.fromEntries(entries);
  }
  if (kind === "source" && typeof value === "string") return redactAddress(value, found);
  return kind === "secrets" || kind === "options" ? blankAll(value, found) : value;
}

function blankAll(value: unknown, found: Set<string>): string {
  if (typeof value === "string") found.add(value);
  else if (typeof value === "object" && value !== null) for (const item of Object.values(value)) blankAll(item, found);
  return BLANK;
}

/** A checksum may be that of a file, with an address like a source's. */
function redactSum(checksum: string, found: Set<string>): string {
  const redacted = redactChecksum(checksum);
  if (redacted !== checksum) found.add(checksum);
  return redacted;
}

function redactAddress(source: string, found: Set<string>): string {
  const redacted = redactSource(source);
  if (redacted !== source) found.add(source);
  return redacted;
}

/**
 * A job file, in HCL or JSON, as `redactJobJson` does it; all else of it stays as its author wrote it.
 * @returns null when it cannot be read, so that nobody knows what in it is secret.
 */
export function redactJobFile(text: string, found: Set<string>): string | null {
  if (isJsonText(text)) {
    try {
      return `${JSON.stringify(redactJobJson(JSON.parse(text), found), null, 2)}\n`;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  }
  const { body, diagnostics, source } = parseHcl("job", text);
  if (diagnostics.some(({ severity }) => severity === "error")) return null;
  const cuts = cutsOf(body, "").toSorted((a, b) => b.value.span.start.offset - a.value.span.start.offset);
  let redacted = source.text;
  for (const { value, kind } of cuts) {
    const { start, end } = value.span;
    const spelled = redacted.slice(start.offset, end.offset);
    const quoted = kind !== "secrets" && value.kind === "template" && spelled.startsWith('"');
    if (!quoted) for (const secret of textsIn(value)) found.add(secret);
    const redact = kind === "source" ? redactAddress : redactSum;
    const blank = quoted ? redact(spelled.slice(1, -1), found) : BLANK;
    redacted = `${redacted.slice(0, start.offset)}"${blank}"${spelled.endsWith("\n") ? "\n" : ""}${redacted.slice(end.offset)}`;
  }
  return redacted;
}

/** Each text that is written in an expression, without white space around it. */
function textsIn(value: Expression): string[] {
  return expressionsIn(value).flatMap((part) => {
    const texts =
      part.kind === "template" ? part.parts.flatMap((piece) => (piece.kind === "text" ? [piece.text] : [])) : [];
    return texts.map((text) => text.trim());
  });
}

interface Cut {
  readonly value: Expression;
  readonly kind: "secrets" | "source" | "checksum";
}

/** The values that are to go. @param name of the block that the body belongs to. */
function cutsOf(body: Body, name: string): Cut[] {
  const own = body.attributes.flatMap(({ name: key, value }) =>
    cutsOfValue(KINDS.get(name) === undefined ? key : name, key, value),
  );
  return [...own, ...body.blocks.flatMap(cutsOfBlock)];
}

/** What stands in `content` of a `dynamic` block stands in blocks of the type that its label says. */
function cutsOfBlock({ type, labels, body }: Block): Cut[] {
  if (type !== "dynamic") return cutsOf(body, type);
  const inner = body.blocks.flatMap((block) => cutsOf(block.body, labels[0]?.text ?? ""));
  return [...cutsOf({ ...body, blocks: [] }, ""), ...inner];
}

function cutsOfValue(name: string, key: string, value: Expression): Cut[] {
  const kind = KINDS.get(name);
  if (kind === "options" && key === "checksum") return [{ value, kind: "checksum" }];
  if (kind === undefined || (kind === "options" && isOpenOption(key))) return [];
  if (value.kind === "object") {
    return value.entries.flatMap((entry) => cutsOfValue(name, keyOf(entry.key), entry.value));
  }
  return [{ value, kind: kind === "source" ? "source" : "secrets" }];
}

function keyOf(key: Expression): string {
  return key.kind === "traversal" ? key.root : (plainText(key) ?? "");
}

/** Shorter ones are in every text by chance. */
export const LEAST_SECRET = 6;

/** A text without the secrets that were found elsewhere, and without the data of QEMU's own secret objects. */
export function blankSecrets(text: string, found: ReadonlySet<string>): string {
  let blanked = blankSecretData(text);
  const long = [...found].filter(({ length }) => length >= LEAST_SECRET).toSorted((a, b) => b.length - a.length);
  for (const secret of long) {
    // In JSON it may be spelled otherwise.
    const spelled = JSON.stringify(secret).slice(1, -1);
    blanked = blanked.replaceAll(secret, BLANK).replaceAll(spelled, BLANK);
  }
  return blanked;
}
