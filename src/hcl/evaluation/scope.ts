import type { Datum } from "../cty/datum.ts";

/** What a reference stands for. */
export type Lookup =
  /** The value of its first name, or with `member` of its first two. `outside`: it was given by somebody and is not shown. */
  | { readonly kind: "value" | "member"; readonly value: Datum; readonly outside?: boolean }
  /** There is none, which was told where it should have come from. */
  | { readonly kind: "failed" }
  /** There is none. */
  | { readonly kind: "problem"; readonly message: string; readonly hint?: string | undefined }
  /** Only the run time knows. */
  | undefined;

/** Finds what the first name of a reference stands for; `member` is the second one, where it is known as it is written. */
export type Scope = (root: string, member: string | undefined) => Lookup;

/** A scope in which nothing is known before the run time. */
export const NOTHING_KNOWN: Scope = () => undefined;

/** A scope with some more names, which hide those of the scope around it. @param outside their values are not shown. */
export function withNames(around: Scope, names: ReadonlyMap<string, Datum>, outside = false): Scope {
  return (root, member) => {
    const value = names.get(root);
    return value === undefined ? around(root, member) : { kind: "value", value, outside };
  };
}
