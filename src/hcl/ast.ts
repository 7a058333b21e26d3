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

/** An expression; the evaluator (`evaluation/evaluate.ts`) turns it into a value. */
export type Expression =
  | { readonly kind: "literal"; readonly value: boolean | null; readonly span: Span }
  | { readonly kind: "number"; readonly text: string; readonly span: Span }
  /** A quoted string or heredoc; text is already unescaped, `$${` and `%%{` too. */
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[]; readonly span: Span }
  | { readonly kind: "list"; readonly items: readonly Expression[]; readonly span: Span }
  | { readonly kind: "object"; readonly entries: readonly ObjectItem[]; readonly span: Span }
  /** `root.name[0]`, all of it known as it is written; `source` is the text as it was spelled. */
  | {
      readonly kind: "traversal";
      readonly root: string;
      readonly steps: readonly TraversalStep[];
      readonly source: string;
      readonly span: Span;
    }
  /** Parts of what an expression gives: `(…).name`, `list[index]`, splats. */
  | { readonly kind: "access"; readonly base: Expression; readonly steps: readonly AccessStep[]; readonly span: Span }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly nameSpan: Span;
      readonly args: readonly Expression[];
      /** The last argument is followed by `...`: its items are the arguments. */
      readonly expand: boolean;
      readonly span: Span;
    }
  | { readonly kind: "unary"; readonly operator: "-" | "!"; readonly operand: Expression; readonly span: Span }
  /** Operators of the same precedence in a row, from left to right. */
  | {
      readonly kind: "operation";
      readonly first: Expression;
      readonly rest: readonly OperationStep[];
      readonly span: Span;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
      readonly span: Span;
    }
  /** `[for … : value if condition]`, or with a key `{for … : key => value... if condition}`. */
  | {
      readonly kind: "for";
      readonly loop: Loop;
      readonly key: Expression | undefined;
      readonly value: Expression;
      readonly condition: Expression | undefined;
      /** `...` behind the value: all values of a key become a list. */
      readonly grouping: boolean;
      readonly span: Span;
    }
  /** What could not be read; a diagnostic of the parser has said so, and nobody needs to say it again. */
  | { readonly kind: "invalid"; readonly span: Span };

export type BinaryOperator = "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%";

export interface OperationStep {
  readonly operator: BinaryOperator;
  readonly operand: Expression;
}

/** `for key, value in collection` */
export interface Loop {
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
}

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  /** `${expression}`; `source` is what stood between the braces, spaces included but where a strip mark (`~`) took them. */
  | { readonly kind: "interpolation"; readonly expression: Expression; readonly source: string; readonly span: Span }
  /** `%{if condition} … %{else} … %{endif}` */
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly yes: readonly TemplatePart[];
      readonly no: readonly TemplatePart[];
      readonly span: Span;
    }
  /** `%{for … in …} … %{endfor}` */
  | { readonly kind: "for"; readonly loop: Loop; readonly parts: readonly TemplatePart[]; readonly span: Span };

export interface ObjectItem {
  readonly key: Expression;
  readonly value: Expression;
}

/** A step that is known as it is written: a name, or a number or text in brackets. */
export type TraversalStep =
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "index"; readonly key: Expression };

export type AccessStep =
  | TraversalStep
  /** `[*]`: all further steps are taken of each item; `.*`: the names behind it are. */
  | { readonly kind: "splat"; readonly each: readonly AccessStep[] };
