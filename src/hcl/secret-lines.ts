import type { Body } from "./ast.ts";
import type { AnyBlock } from "./describe.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type Format, nameIn } from "./names.ts";
import type { ParsedHcl } from "./parser.ts";

/** A stretch of a text, by offsets. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** The names under which a description keeps secrets, at any depth. */
export function secretNames(block: AnyBlock, format: Format): ReadonlySet<string> {
  return new Set(
    Object.entries(block.fields).flatMap(([key, field]) => {
      if (field.kind === "block" || field.kind === "blocks") return [...secretNames(field.block, format)];
      return field.kind === "attribute" && field.secret ? [nameIn(field, key, format) ?? key] : [];
    }),
  );
}

/**
 * Marks what a parser told of values that are never shown: it knows no description, and what cannot be read may be a password in which
 * a quote is missing.
 */
export function markSecretLines(
  diagnostics: readonly Diagnostic[],
  body: Body,
  names: ReadonlySet<string>,
): Diagnostic[] {
  const stretches = stretchesOf(body, names);
  return diagnostics.map((diagnostic) => {
    const at = diagnostic.span?.start.offset;
    const secret = at !== undefined && stretches.some(({ from, to }) => from <= at && at < to);
    return secret ? { ...diagnostic, message: diagnostic.message.replace(FOUND, "found text"), secret } : diagnostic;
  });
}

/** Marks what is told of something that shares its line with a value that is never shown: the whole of a line of HCL is shown. */
export function markSharedLines<D extends Diagnostic>(
  diagnostics: readonly D[],
  { body, source }: ParsedHcl,
  names: ReadonlySet<string>,
): D[] {
  const stretches = stretchesOf(body, names);
  return diagnostics.map((diagnostic) => {
    const { span } = diagnostic;
    if (span === undefined || span.file !== source.file) return diagnostic;
    const start = source.lineStart(span.start.offset);
    const end = start + source.line(span.start.line).length;
    const shares = stretches.some(({ from, to }) => {
      // Whoever told of a value itself knows whether it is secret.
      const isIts = from < span.start.offset && span.start.offset < to;
      // The stretch ends where the next item begins, with the space before that.
      return !isIts && source.text.slice(Math.max(start, from), Math.min(end, to)).trim() !== "";
    });
    return shares ? { ...diagnostic, secret: true } : diagnostic;
  });
}

const FOUND = /\bfound "[\s\S]*"$/;

/** From each secret item to the next one of its body, for where its value ends may be unknown. */
function stretchesOf({ attributes, blocks, span }: Body, names: ReadonlySet<string>): Stretch[] {
  const items = [
    ...attributes.map(({ name, nameSpan }) => ({ name, from: nameSpan.start.offset, inner: [] })),
    ...blocks.map(({ type, typeSpan, body }) => ({
      name: type,
      from: typeSpan.start.offset,
      inner: names.has(type) ? [] : stretchesOf(body, names),
    })),
  ].toSorted((a, b) => a.from - b.from);
  return items.flatMap(({ name, from, inner }, index) =>
    names.has(name) ? [{ from, to: items[index + 1]?.from ?? span.end.offset + 1 }] : inner,
  );
}
