import type { Item } from "./item.ts";

/** Where the value of a word comes from. */
export type Source =
  | { readonly kind: "dot" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "literal"; readonly item: Item }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "group"; readonly pipeline: Pipeline };

/** A word of a command. */
export interface Operand {
  readonly source: Source;
  /** Names that are looked up in that value, one in the other. */
  readonly path: readonly string[];
}

/** `f a b`; the first word is what is called or what the value is. */
export interface Command {
  readonly line: number;
  readonly first: Operand;
  readonly rest: readonly Operand[];
}

/** `$x := a | f | g b`. */
export interface Pipeline {
  readonly line: number;
  /** Names with their `$`; two only in `range`. */
  readonly variables: readonly string[];
  /** Whether the variables are there already. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly pipeline: Pipeline }
  | Choice
  | { readonly kind: "break" | "continue"; readonly line: number };

/** `if`, `with` and `range`, each with what an `else` says. */
export interface Choice {
  readonly kind: "if" | "with" | "range";
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}
