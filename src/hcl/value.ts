import type { Span } from "./span.ts";

/** A value of HCL or JSON with the place it came from. */
export type Value = (
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  /** `text` has all digits, exact where a double is not. */
  | { readonly kind: "number"; readonly value: number; readonly text: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "object"; readonly entries: readonly ObjectEntry[] }
) & {
  readonly span: Span;
  /** It was computed from what somebody gave from outside of the text, such as a password: no message shows it. */
  readonly hidden?: true;
};

export interface ObjectEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Value;
}
