import type { Attribute, Block, Body, Expression } from "./ast.ts";
import type { AnyBlock, AnyField } from "./describe.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { findKey } from "./names.ts";
import type { Span } from "./span.ts";
import { embeddedExpression, embeddedTemplate, isTemplate } from "./syntax/embedded.ts";
import type { ObjectEntry, Value } from "./value.ts";

type ObjectValue = Value & { readonly kind: "object" };

/**
 * A file in HCL's own JSON syntax as the body that it stands for: what is an attribute and what a block, and how many labels it has,
 * its description says. Text is a template, as in quotes; keys that are `//` are comments.
 * @param diagnostics takes what is wrong within templates.
 */
export function bodyOfJson(object: ObjectValue, block: AnyBlock, diagnostics: Diagnostic[]): Body {
  return new Converter(diagnostics).body(object, block);
}

/** What declares names has no description: its parts are told apart here. */
const VARIABLE_LABELS = 1;

class Converter {
  readonly #diagnostics: Diagnostic[];

  constructor(diagnostics: Diagnostic[]) {
    this.#diagnostics = diagnostics;
  }

  body(object: ObjectValue, block: AnyBlock): Body {
    const attributes: Attribute[] = [];
    const blocks: Block[] = [];
    for (const entry of object.entries) {
      if (entry.key === "//") continue;
      const found = this.#blocksOf(entry, block);
      if (found === undefined) attributes.push(this.#attribute(entry, this.expression(entry.value)));
      else blocks.push(...found);
    }
    return { attributes, blocks, span: object.span };
  }

  #attribute({ key, keySpan }: ObjectEntry, value: Expression): Attribute {
    return { name: key, nameSpan: keySpan, value };
  }

  /** The blocks that an entry stands for; undefined for an attribute. */
  #blocksOf(entry: ObjectEntry, block: AnyBlock): Block[] | undefined {
    const { key, value } = entry;
    const field = block.fields[findKey(block, key, "hcl") ?? ""];
    if (key === "variable" && field !== undefined) {
      return this.#labelled(entry, value, VARIABLE_LABELS, (inner) => this.#declaration(inner));
    }
    if ((key === "variables" || key === "locals") && field !== undefined) {
      return this.#labelled(entry, value, 0, (inner) => this.#plain(inner, key === "variables"));
    }
    if (key === "dynamic" && field === undefined) {
      return this.#labelled(entry, value, 1, (inner, [type]) => this.#dynamic(inner, type?.text ?? "", block));
    }
    if (field === undefined) return undefined;
    if (field.kind === "block" || field.kind === "blocks") {
      return this.#labelled(entry, value, countLabels(field.block), (inner) => this.body(inner, field.block));
    }
    // A map may be written as blocks, and blocks as a list.
    const listed = value.kind === "list" && value.items.every(({ kind }) => kind === "object");
    const asBlocks = field.kind === "attribute" && field.form !== "attribute" && listed;
    return asBlocks ? this.#labelled(entry, value, 0, (inner) => this.#plain(inner, false)) : undefined;
  }

  /** Each key on the way is a label, and lists are several blocks. @returns undefined when the value has another form. */
  #labelled(
    { key, keySpan }: ObjectEntry,
    value: Value,
    count: number,
    read: (inner: ObjectValue, labels: Block["labels"]) => Body,
    labels: Block["labels"] = [],
  ): Block[] | undefined {
    const entry = { key, keySpan, value };
    if (value.kind === "null") return [];
    if (value.kind === "list") {
      const parts = value.items.map((item) => this.#labelled(entry, item, count, read, labels));
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    if (value.kind !== "object") return undefined;
    if (labels.length === count) return [{ type: key, typeSpan: keySpan, labels, body: read(value, labels) }];
    const parts = value.entries.map((inner) =>
      this.#labelled(entry, inner.value, count, read, [...labels, { text: inner.key, span: inner.keySpan }]),
    );
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }

  /** @param literal text is itself and no template. */
  #plain(object: ObjectValue, literal: boolean): Body {
    const attributes = object.entries
      .filter(({ key }) => key !== "//")
      .map((entry) => this.#attribute(entry, this.expression(entry.value, literal)));
    return { attributes, blocks: [], span: object.span };
  }

  #declaration(object: ObjectValue): Body {
    const attributes: Attribute[] = [];
    const blocks: Block[] = [];
    for (const entry of object.entries) {
      const { key, value } = entry;
      if (key === "validation")
        blocks.push(...(this.#labelled(entry, value, 0, (inner) => this.#plain(inner, false)) ?? []));
      else if (key !== "//") attributes.push(this.#attribute(entry, this.#declared(key, value)));
    }
    return { attributes, blocks, span: object.span };
  }

  /** A type is written as text, and what a variable is by default is no template. */
  #declared(key: string, value: Value): Expression {
    if (key === "type" && value.kind === "string")
      return embeddedExpression(value.value, value.span, this.#diagnostics);
    return this.expression(value, true);
  }

  #dynamic(object: ObjectValue, type: string, around: AnyBlock): Body {
    const field: AnyField | undefined = around.fields[findKey(around, type, "hcl") ?? ""];
    const attributes: Attribute[] = [];
    const blocks: Block[] = [];
    for (const entry of object.entries) {
      const { key, value } = entry;
      const described = field?.kind === "block" || field?.kind === "blocks" ? field.block : undefined;
      const read = (inner: ObjectValue) => (described ? this.body(inner, described) : this.#plain(inner, false));
      const content = key === "content" ? this.#labelled(entry, value, 0, read) : undefined;
      if (content !== undefined) blocks.push(...content);
      else if (key === "iterator" && value.kind === "string") {
        attributes.push(this.#attribute(entry, embeddedExpression(value.value, value.span, this.#diagnostics)));
      } else attributes.push(this.#attribute(entry, this.expression(value)));
    }
    return { attributes, blocks, span: object.span };
  }

  expression(value: Value, literal = false): Expression {
    const { span } = value;
    switch (value.kind) {
      case "null":
        return { kind: "literal", value: null, span };
      case "bool":
        return { kind: "literal", value: value.value, span };
      case "number":
        return { kind: "number", text: value.text, span };
      case "string":
        return this.#text(value.value, span, literal);
      case "list":
        return { kind: "list", items: value.items.map((item) => this.expression(item, literal)), span };
      case "object": {
        const entries = value.entries.map((entry) => ({
          key: this.#text(entry.key, entry.keySpan, literal),
          value: this.expression(entry.value, literal),
        }));
        return { kind: "object", entries, span };
      }
    }
  }

  #text(text: string, span: Span, literal: boolean): Expression {
    if (literal || !isTemplate(text)) return { kind: "template", parts: [{ kind: "text", text }], span };
    return embeddedTemplate(text, span, this.#diagnostics);
  }
}

function countLabels(block: AnyBlock): number {
  return Object.values(block.fields).filter(({ kind }) => kind === "label").length;
}
