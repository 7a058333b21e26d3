import { MAX_ERRORS } from "./limits.ts";
import type { Span } from "./span.ts";

/** One thing that is wrong or doubtful, as data; text for people is made by `src/hcl/render.ts` alone. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Where in the user's text; absent for input that has none. */
  readonly span?: Span | undefined;
  /** Where in the user's words: `group "web", task "vm", config`. */
  readonly where?: string | undefined;
  /** What is wrong: lower case, no full stop, no secret value. */
  readonly message: string;
  /** What to do: `did you mean "image_path"?`. */
  readonly hint?: string | undefined;
  /** The line may hold a secret: what stands behind its first `=` or `:` is not shown. */
  readonly secret?: boolean | undefined;
}

/** A copy in the order of the text: by file as they first come up, then by position; what has no place comes last. */
export function sortDiagnostics<D extends Diagnostic>(diagnostics: readonly D[]): D[] {
  const files = [...new Set(diagnostics.map(({ span }) => span?.file))];
  const rank = ({ span }: D) => (span === undefined ? files.length : files.indexOf(span.file));
  return diagnostics.toSorted((a, b) => rank(a) - rank(b) || (a.span?.start.offset ?? 0) - (b.span?.start.offset ?? 0));
}

/**
 * Sorted ones without those that tell the same of the same place, as blocks that are made of one pattern do, and not more errors than
 * anybody reads.
 */
export function settleDiagnostics(sorted: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  const settled: Diagnostic[] = [];
  let errors = 0;
  for (const diagnostic of sorted) {
    const { span, message } = diagnostic;
    const key = span === undefined ? "" : `${span.file} ${span.start.offset} ${message}`;
    if (key !== "" && seen.has(key)) continue;
    seen.add(key);
    if (diagnostic.severity === "error" && ++errors > MAX_ERRORS) {
      settled.push({ severity: "error", span, message: `more than ${MAX_ERRORS} errors: the others are not told` });
      break;
    }
    settled.push(diagnostic);
  }
  return settled;
}
