import type { Span } from "./span.ts";

/** A value of HCL or JSON with the place it came from. */
export type Value =
  | { readonly kind: "null"; readonly span: Span }
  | { readonly kind: "bool"; readonly value: boolean; readonly span: Span }
  /** `text` is the number as it was written, exact where a double is not. */
  | { readonly kind: "number"; readonly value: number; readonly text: string; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "list"; readonly items: readonly Value[]; readonly span: Span }
  | { readonly kind: "object"; readonly entries: readonly ObjectEntry[]; readonly span: Span };

export interface ObjectEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Value;
}
