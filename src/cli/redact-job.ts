import { isOpenOption, redactChecksum, redactSource } from "../artifact/redact.ts";
import { BLANK, blankSecretData } from "../base/redact.ts";
import type { Body, Expression } from "../hcl/ast.ts";
import { parseHcl } from "../hcl/parser.ts";

/** What a name of a job file, or of Nomad's JSON, holds: all values secret, an address, an artifact's options. */
const KINDS: Readonly<Record<string, "secrets" | "source" | "options">> = {
  env: "secrets",
  // What a password is set by: nobody knows which of them is one.
  default: "secrets",
  variables: "secrets",
  locals: "secrets",
  Env: "secrets",
  // The text of a template.
  data: "secrets",
  EmbeddedTmpl: "secrets",
  headers: "secrets",
  GetterHeaders: "secrets",
  source: "source",
  GetterSource: "source",
  options: "options",
  GetterOptions: "options",
};

/**
 * A job in JSON without the values of its env, and without the credentials of its artifacts.
 * @param found takes every text that was blanked, so that it can be looked for elsewhere.
 */
export function redactJobJson(value: unknown, found: Set<string>, name = ""): unknown {
  const kind = KINDS[name];
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
export function redactJobFile(text: string, format: "hcl2" | "json", found: Set<string>): string | null {
  if (format === "json") {
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
    const inner = spelled.startsWith('"') ? spelled.slice(1, -1) : spelled;
    if (kind === "secrets") found.add(inner);
    const redact = kind === "source" ? redactAddress : redactSum;
    const blank = kind !== "secrets" && spelled.startsWith('"') ? redact(inner, found) : BLANK;
    redacted = `${redacted.slice(0, start.offset)}"${blank}"${spelled.endsWith("\n") ? "\n" : ""}${redacted.slice(end.offset)}`;
  }
  return redacted;
}

interface Cut {
  readonly value: Expression;
  readonly kind: "secrets" | "source" | "checksum";
}

/** The values that are to go. @param name of the block that the body belongs to. */
function cutsOf(body: Body, name: string): Cut[] {
  const own = body.attributes.flatMap(({ name: key, value }) =>
    cutsOfValue(KINDS[name] === undefined ? key : name, key, value),
  );
  return [...own, ...body.blocks.flatMap((block) => cutsOf(block.body, block.type))];
}

function cutsOfValue(name: string, key: string, value: Expression): Cut[] {
  const kind = KINDS[name];
  if (kind === "options" && key === "checksum") return [{ value, kind: "checksum" }];
  if (kind === undefined || (kind === "options" && isOpenOption(key))) return [];
  if (value.kind === "object") {
    return value.entries.flatMap((entry) => cutsOfValue(name, keyOf(entry.key), entry.value));
  }
  return [{ value, kind: kind === "source" ? "source" : "secrets" }];
}

function keyOf(key: Expression): string {
  if (key.kind === "traversal") return key.root;
  if (key.kind !== "template") return "";
  return key.parts.map((part) => (part.kind === "text" ? part.text : "")).join("");
}

/** Shorter ones are in every text by chance. */
const LEAST_SECRET = 6;

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
