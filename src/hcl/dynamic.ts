import type { Block, Body, Expression } from "./ast.ts";
import { Exhausted } from "./budget.ts";
import type { GeneratedBlock, Label } from "./content.ts";
import { convert, Mismatch } from "./cty/convert.ts";
import { type Datum, describeDatum, isMapping, isSequence, iterate, object } from "./cty/datum.ts";
import { STRING } from "./cty/type.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type Computed, compute, type Surroundings } from "./evaluation/evaluate.ts";
import { type Scope, withNames } from "./evaluation/scope.ts";
import { quoteName } from "./limits.ts";
import type { Span } from "./span.ts";
import { spellBlock } from "./spelling.ts";

const ATTRIBUTES = ["for_each", "iterator", "labels"];

/** What a `dynamic` block says, once it was found to be whole. */
interface Pattern {
  readonly type: Label;
  readonly iterator: string;
  readonly collection: Expression;
  readonly labels: Expression | undefined;
  readonly content: Body;
}

/**
 * The blocks that `dynamic "type" { for_each = … content { … } }` stands for, one for each item. In `content` and `labels` the name of
 * the block's type, or of `iterator`, has the `key` and `value` of the item.
 */
export function expandDynamic(
  block: Block,
  scope: Scope,
  surroundings: Surroundings,
): { readonly blocks: readonly GeneratedBlock[]; readonly diagnostics: readonly Diagnostic[] } {
  const expansion = new Expansion(scope, surroundings);
  let blocks: readonly GeneratedBlock[] = [];
  try {
    const pattern = expansion.read(block);
    if (pattern !== undefined) blocks = expansion.expand(pattern);
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
    const message = surroundings.budget.explain(error);
    if (message !== undefined) expansion.fail(block.typeSpan, message);
  }
  return { blocks, diagnostics: expansion.diagnostics };
}

class Expansion {
  readonly diagnostics: Diagnostic[] = [];
  readonly #scope: Scope;
  readonly #surroundings: Surroundings;
  readonly #json: boolean;

  constructor(scope: Scope, surroundings: Surroundings) {
    this.#scope = scope;
    this.#surroundings = surroundings;
    this.#json = surroundings.json ?? false;
  }

  fail(span: Span, message: string, hint?: string): undefined {
    this.diagnostics.push({ severity: "error", span, message, hint });
  }

  read({ typeSpan, labels, body }: Block): Pattern | undefined {
    const [type, extra] = labels;
    if (type === undefined) return this.fail(typeSpan, "missing label: the type of the blocks, in double quotes");
    if (extra !== undefined)
      this.fail(extra.span, "a dynamic block takes one label", "labels = […] gives those of the blocks");
    this.#refuseOthers(body);
    const attribute = (name: string) => body.attributes.find((own) => own.name === name)?.value;
    const collection = attribute("for_each");
    const [content, second] = body.blocks.filter((own) => own.type === "content");
    if (second !== undefined) this.fail(second.typeSpan, "content stands twice");
    if (collection === undefined && body.incomplete !== true) this.fail(typeSpan, 'missing attribute "for_each"');
    if (content === undefined && body.incomplete !== true) this.fail(typeSpan, 'missing block "content"');
    const iterator = this.#readIterator(attribute("iterator"), type);
    if (collection === undefined || content === undefined || iterator === undefined) return undefined;
    return { type, iterator, collection, labels: attribute("labels"), content: content.body };
  }

  #refuseOthers(body: Body): void {
    for (const { name, nameSpan } of body.attributes) {
      if (ATTRIBUTES.includes(name)) continue;
      this.fail(nameSpan, `unknown attribute ${quoteName(name)} of a dynamic block`, this.#hintContent());
    }
    for (const { type, typeSpan } of body.blocks) {
      if (type !== "content")
        this.fail(typeSpan, `unknown block ${quoteName(type)} in a dynamic block`, this.#hintContent());
    }
  }

  #hintContent(): string {
    const content = spellBlock("content", [], this.#json);
    return `what the blocks hold stands in ${content}; known here: for_each, iterator, labels, content`;
  }

  #readIterator(expression: Expression | undefined, type: Label): string | undefined {
    if (expression === undefined) return type.text;
    if (expression.kind === "traversal" && expression.steps.length === 0) return expression.root;
    return this.fail(expression.span, `iterator is a name ${this.#json ? "in double" : "without"} quotes`);
  }

  #compute(expression: Expression, scope: Scope): Computed {
    const computed = compute(expression, scope, this.#surroundings);
    this.diagnostics.push(...computed.diagnostics);
    return computed;
  }

  expand({ type, iterator, collection, labels, content }: Pattern): GeneratedBlock[] {
    const { value: found, outside } = this.#compute(collection, this.#scope);
    if (found === undefined) return [];
    if (!isSequence(found) && !isMapping(found)) {
      const expected = "a list, a set, a map or an object";
      this.fail(collection.span, `for_each must be ${expected}, found ${describeDatum(found)}`);
      return [];
    }
    const blocks: GeneratedBlock[] = [];
    for (const [key, value] of iterate(found)) {
      this.#surroundings.budget.block();
      const item = object(new Map([["key", key] as const, ["value", value] as const]));
      const scope = withNames(this.#scope, new Map([[iterator, item]]), outside);
      const own = labels === undefined ? [] : this.#labelsOf(labels, scope);
      // The next ones would mostly fail in the same way.
      if (own === undefined) break;
      blocks.push({ type: type.text, typeSpan: type.span, labels: own, body: content, scope });
    }
    return blocks;
  }

  #labelsOf(expression: Expression, scope: Scope): Label[] | undefined {
    const { value: found } = this.#compute(expression, scope);
    if (found === undefined) return undefined;
    if (!isSequence(found)) return this.fail(expression.span, "labels must be a list of text");
    const written = expression.kind === "list" ? expression.items : [];
    const labels: Label[] = [];
    for (const [index, item] of found.items.entries()) {
      const span = (written[index] ?? expression).span;
      const text = toText(item);
      if (text === undefined) return this.fail(span, `a label is text, not ${describeDatum(item)}`);
      labels.push({ text, span });
    }
    return labels;
  }
}

function toText(datum: Datum): string | undefined {
  try {
    const text = convert(datum, STRING);
    return text.kind === "string" ? text.value : undefined;
  } catch (error) {
    if (error instanceof Mismatch) return undefined;
    throw error;
  }
}
