import type { Context } from "hono";
import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { orList } from "../base/text.ts";
import type { Diagnostic } from "../hcl/diagnostic.ts";
import { type ParsedJson, parseJson } from "../hcl/json.ts";
import { MAX_SOURCE_BYTES } from "../hcl/limits.ts";
import { renderDiagnostics } from "../hcl/render.ts";

/** Larger request bodies are answered with 413. */
export const MAX_REQUEST_BYTES = MAX_SOURCE_BYTES;

/** What messages call the body of a request. */
export const REQUEST = "<request>";

/**
 * Reads the body of a request as JSON, whatever its content type says (Nomad's clients send none), and checks it against a schema.
 * Messages name places and what was expected there, never what was sent: it may hold secrets.
 * @param absent what no body means; there has to be one unless told.
 * @returns what the schema makes of it, and the same with positions for those who read a part of it so.
 * @throws AppError `invalid` for no body, for what is no JSON with line and column, and for what does not fit with the path.
 */
export async function readBody<S extends v.GenericSchema>(
  c: Context,
  schema: S,
  absent = "",
): Promise<{ readonly body: v.InferOutput<S>; readonly parsed: ParsedJson }> {
  const sent = new Uint8Array(await c.req.raw.arrayBuffer());
  const bytes = sent.length === 0 ? new TextEncoder().encode(absent) : sent;
  if (bytes.length === 0) throw new AppError("invalid", "the request has no body", { hint: "send a JSON object" });
  const parsed = parseJson(REQUEST, bytes);
  if (parsed.diagnostics.length > 0) throw refusal(parsed.diagnostics);
  const value: unknown = JSON.parse(parsed.source.text);
  // To valibot a list is an object, one without members.
  if (Array.isArray(value)) throw new AppError("invalid", `${REQUEST}: expected an object, found a list`);
  const result = v.safeParse(schema, value);
  if (!result.success) throw new AppError("invalid", result.issues.map(describeIssue).join("\n"));
  return { body: result.output, parsed };
}

/** The error for a text that has mistakes; it tells their places and not the lines, which may hold secrets. */
export function refusal(diagnostics: readonly Diagnostic[]): AppError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return new AppError("invalid", renderDiagnostics(errors, new Map()).trimEnd());
}

/** What valibot expected, in the words of JSON. */
const EXPECTED: Readonly<Record<string, string>> = {
  Object: "an object",
  Array: "a list",
  string: "a string",
  number: "a number",
  boolean: "true or false",
  integer: "a whole number",
};

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).reduce(
    (text, { key }) => (typeof key === "number" ? `${text}[${key}]` : `${text}${text && "."}${String(key)}`),
    "",
  );
  if (issue.input === undefined && path !== "") return `${REQUEST}: ${path} is missing`;
  const found = issue.input === null ? ", found null" : "";
  return `${REQUEST}: ${path === "" ? "" : `${path}: `}expected ${describeExpected(issue)}${found}`;
}

/** An alternative to leave it out helps nobody who sent something else; an action without a bound is known by its type alone. */
function describeExpected({ expected, type }: v.BaseIssue<unknown>): string {
  const words = (expected ?? type).replaceAll(/^\(|\)$/g, "").split(" | ");
  const telling = words.filter((word) => word !== "null" && word !== "undefined");
  return orList(telling.map((word) => EXPECTED[word] ?? (/^[<>=]/.test(word) ? `a number ${word}` : word)));
}
