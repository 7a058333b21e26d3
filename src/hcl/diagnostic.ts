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
}
