import type { Span } from "./span.ts";

/** What stands between braces, or a whole file. */
export interface Body {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
  readonly span: Span;
  /** Something in it could not be read, so that what seems missing may be there. */
  readonly incomplete?: boolean;
}

/** `name = expression` */
export interface Attribute {
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: Expression;
}

/** `type "label" … { body }` */
export interface Block {
  readonly type: string;
  readonly typeSpan: Span;
  readonly labels: readonly { readonly text: string; readonly span: Span }[];
  readonly body: Body;
}

/** An expression; the evaluator (`evaluate.ts`) turns it into a value. */
export type Expression =
  | { readonly kind: "literal"; readonly value: boolean | null; readonly span: Span }
  | { readonly kind: "number"; readonly text: string; readonly span: Span }
  /** A quoted string or heredoc; text is already unescaped, `$${` and `%%{` too. */
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[]; readonly span: Span }
  | { readonly kind: "list"; readonly items: readonly Expression[]; readonly span: Span }
  | { readonly kind: "object"; readonly entries: readonly ObjectItem[]; readonly span: Span }
  /** `root.name[index]`; `source` is the text as it was spelled. */
  | {
      readonly kind: "traversal";
      readonly root: string;
      readonly steps: readonly TraversalStep[];
      readonly source: string;
      readonly span: Span;
    }
  /** What could not be read or is not supported; a diagnostic of the parser has said so, and nobody needs to say it again. */
  | { readonly kind: "invalid"; readonly span: Span };

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  /** `${expression}`; `source` is what stood between the braces, spaces included but where a strip mark (`~`) took them. */
  | { readonly kind: "interpolation"; readonly expression: Expression; readonly source: string; readonly span: Span };

export interface ObjectItem {
  readonly key: Expression;
  readonly value: Expression;
}

export type TraversalStep =
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "index"; readonly key: Expression };
