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
