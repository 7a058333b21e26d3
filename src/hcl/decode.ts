import type { Body, Expression, Block as WrittenBlock } from "./ast.ts";
import { readAttribute } from "./attribute.ts";
import {
  type Content,
  contentOfBody,
  contentOfObject,
  contentsOfValue,
  countOuterLabels,
  describeFound,
  emptyContent,
  type GeneratedBlock,
  type Item,
  isNeutral,
  type Label,
  quoteFound,
} from "./content.ts";
import type { AnyBlock, AttributeField, Block, BlockField, BlocksField, KnownField, LabelField } from "./describe.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { expandDynamic } from "./dynamic.ts";
import { encodeField } from "./encode.ts";
import { evaluate, type Surroundings, withoutFunctions } from "./evaluation/evaluate.ts";
import { NOTHING_KNOWN, type Scope } from "./evaluation/scope.ts";
import { partOf, tellKnown } from "./known.ts";
import { findKey, isSecret, knownNames, nameIn, nearestKnown } from "./names.ts";
import { type Kept, Notes, orUndefined, type Site } from "./notes.ts";
import { createReporter, joinPath, type Places } from "./places.ts";
import { spellBlock } from "./spelling.ts";
import type { Value } from "./value.ts";

export interface Decoded<T> {
  /** Whole also when there are errors, with stand-ins for what is missing or wrong, so that later checks find the rest. */
  readonly value: T;
  readonly diagnostics: Diagnostic[];
  readonly places: Places;
}

/** What the expressions of a body may use; without it all references are left to the run time, and nothing can be called. */
export interface Evaluating {
  readonly scope: Scope;
  readonly surroundings: Surroundings;
  /** Another view of the body than the plain one. */
  readonly reshape?: (content: Content) => Content;
  /** Takes what is written of names that have no effect. */
  readonly kept?: Kept[] | undefined;
}

/** Reads a body of HCL as its description says. */
export function decodeBody<T>(block: Block<T>, body: Body, evaluating?: Evaluating): Decoded<T> {
  const {
    scope = NOTHING_KNOWN,
    surroundings = withoutFunctions(),
    reshape = (content: Content) => content,
    kept,
  } = evaluating ?? {};
  const decoder = new Decoder(new Notes("hcl", kept), surroundings.json);
  const content = contentOfBody(body, body.span, [], scope, {
    evaluate: (expression, names) => decoder.evaluate(expression, names, surroundings),
    expand: evaluating === undefined ? undefined : (dynamic, names) => decoder.expand(dynamic, names, surroundings),
  });
  return decoder.decode(block, reshape(content));
}

/** Reads an object of JSON as its description says. @param kept takes what is written of names that have no effect. */
export function decodeObject<T>(block: Block<T>, object: Value & { kind: "object" }, kept?: Kept[]): Decoded<T> {
  return new Decoder(new Notes("json", kept)).decode(block, contentOfObject(object));
}

class Decoder {
  readonly #notes: Notes;
  /** HCL's own, in which names are HCL's. */
  readonly #jsonSyntax: boolean;
  /** The attribute that is being read, for what its expression tells. */
  #reading = { where: "", secret: false };

  constructor(notes: Notes, jsonSyntax = false) {
    this.#notes = notes;
    this.#jsonSyntax = jsonSyntax;
  }

  decode<T>(block: Block<T>, content: Content): Decoded<T> {
    const site = { path: "", where: "" };
    this.#notes.place(site, { span: content.span, name: "", inside: "" });
    const value = this.#readBlock(block, content, site) as T;
    return { value, diagnostics: this.#notes.diagnostics, places: this.#notes.places };
  }

  /** Evaluates, and adds to what is told the place that an expression does not know. */
  evaluate(expression: Expression, scope: Scope, surroundings: Surroundings): Value | undefined {
    const { value, diagnostics } = evaluate(expression, scope, surroundings);
    this.#tell(diagnostics);
    return value;
  }

  /** Expands a dynamic block. */
  expand(block: WrittenBlock, scope: Scope, surroundings: Surroundings): readonly GeneratedBlock[] {
    const { blocks, diagnostics } = expandDynamic(block, scope, surroundings);
    this.#tell(diagnostics);
    return blocks;
  }

  #tell(diagnostics: readonly Diagnostic[]): void {
    const { where, secret } = this.#reading;
    for (const diagnostic of diagnostics) {
      this.#notes.diagnostics.push({ ...diagnostic, where: orUndefined(where), ...(secret && { secret }) });
    }
  }

  #readBlock(block: AnyBlock, content: Content, site: Site): unknown {
    this.#reading = { where: site.where, secret: false };
    const { items, meant } = this.#sortItems(block, content, site);
    const labels = this.#takeLabels(block, content, site);
    const raw: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(block.fields)) {
      const found = items.get(key) ?? [];
      const name = nameIn(field, key, this.#notes.format) ?? key;
      const inner = { path: joinPath(site.path, key), where: site.where };
      const around = meant.has(name) ? { ...content, incomplete: true } : content;
      this.#reading = { where: site.where, secret: field.kind === "attribute" && field.secret };
      if (field.kind === "label") raw[key] = this.#readLabel(field, name, labels.get(key), found, inner, around);
      else if (field.kind === "attribute" || field.kind === "block" || field.kind === "blocks") {
        raw[key] = this.#readField(field, name, found, inner, around);
        if (field.kind === "block" && field.partly !== undefined) {
          tellKnown(this.#notes, partOf(field.partly), found, site);
          this.#keep(field, field.json, found, inner, around);
        }
        if (field.kind === "block" && field.kept && raw[key] !== undefined) {
          this.#notes.kept?.push({ path: inner.path, name: "", value: null });
        }
        if (field.kind === "attribute" && field.kept) this.#keep(field, field.json, found, inner, around);
      } else if (field.kind !== "passed") {
        tellKnown(this.#notes, field, found, site);
        this.#keep(field.as, field.json, found, inner, around);
      }
    }
    const reporter = createReporter(this.#notes.places, this.#notes.diagnostics, site.path);
    return block.convert.reduce((value, step) => step.read(value, reporter), raw as unknown);
  }

  #readField(
    field: AttributeField | BlockField | BlocksField,
    name: string,
    items: readonly Item[],
    site: Site,
    around: Content,
  ): unknown {
    if (field.kind === "block") return this.#readSingle(field, name, items, site, around);
    if (field.kind === "blocks") return this.#readBlocks(field, name, items, site);
    return readAttribute(this.#notes, field, name, items, site, around);
  }

  /** Keeps what is written, where somebody asks for it and it is what it must be. */
  #keep(as: KnownField["as"], json: string | undefined, items: readonly Item[], site: Site, around: Content): void {
    const { kept, format } = this.#notes;
    if (kept === undefined || as === undefined || json === undefined || items.length === 0) return;
    const notes = new Notes(format);
    const value = new Decoder(notes, this.#jsonSyntax).#readField(
      as,
      json,
      items,
      { path: "", where: site.where },
      around,
    );
    if (notes.diagnostics.some(({ severity }) => severity === "error")) return;
    const path = site.path.slice(0, Math.max(0, site.path.lastIndexOf(".")));
    for (const [name, entry] of encodeField(as, value)) kept.push({ path, name, value: entry });
  }

  /** The items by the key of their field; what has none is told, and is not missing under the name that it was `meant` to have. */
  #sortItems(block: AnyBlock, content: Content, site: Site): { items: Map<string, Item[]>; meant: Set<string> } {
    const items = new Map<string, Item[]>();
    const meant = new Set<string>();
    for (const item of content.items) {
      const key = findKey(block, item.name, this.#notes.format);
      if (key === undefined) {
        meant.add(this.#tellUnknown(block, item, site) ?? "");
        continue;
      }
      const own = items.get(key);
      if (own === undefined) items.set(key, [item]);
      else own.push(item);
    }
    return { items, meant };
  }

  /** @returns the name that was probably meant. */
  #tellUnknown(block: AnyBlock, item: Item, site: Site): string | undefined {
    const { format } = this.#notes;
    const value = format === "json" ? item.value() : undefined;
    // Programs write out what they know and a user never set.
    if (value !== undefined && isNeutral(value, null)) return undefined;
    const noun = this.#notes.noun(item.block === undefined ? "attribute" : "block");
    const near = nearestKnown(block, item.name, format);
    const hint = near === undefined ? `known here: ${knownNames(block, format).join(", ")}` : `did you mean "${near}"?`;
    const secret = near !== undefined && isSecret(block, near, format);
    this.#notes.error(site.where, item.nameSpan, `unknown ${noun} ${quoteFound(item.name)}`, hint, secret);
    return near;
  }

  #takeLabels(block: AnyBlock, content: Content, site: Site): Map<string, Label> {
    const keys = Object.entries(block.fields).flatMap(([key, field]) => (field.kind === "label" ? [key] : []));
    const extra = content.labels[keys.length];
    if (extra !== undefined) {
      const takes = keys.length === 0 ? "takes no label" : `takes ${keys.length} label${keys.length === 1 ? "" : "s"}`;
      this.#notes.error(site.where, extra.span, `this block ${takes}, found ${quoteFound(extra.text)}`);
    }
    return new Map(
      keys.flatMap((key, index): [string, Label][] => {
        const label = content.labels[index];
        return label === undefined ? [] : [[key, label]];
      }),
    );
  }

  #readLabel(
    field: LabelField,
    name: string,
    label: Label | undefined,
    items: readonly Item[],
    site: Site,
    around: Content,
  ): string {
    const item = items.at(-1);
    const value = item?.value();
    if (value !== undefined && value.kind !== "null") {
      const spot = this.#notes.spot(site, name, value, false);
      return field.leaf.read(value, spot) ?? "";
    }
    if (label !== undefined) {
      this.#notes.place(site, { span: label.span, name });
      return label.text;
    }
    const what = this.#notes.format === "json" ? `key "${name}"` : `label: its ${name}, in double quotes`;
    this.#notes.missing(site, around.span, what, around.incomplete);
    return "";
  }

  #readSingle(field: BlockField, name: string, items: readonly Item[], site: Site, around: Content): unknown {
    const [found, second] = items.flatMap((item) => this.#contentsOf(field, item, site.where));
    if (found !== undefined && second !== undefined) this.#notes.twice(site.where, second.span, found.span, name);
    if (found !== undefined) return this.#readInner(field.block, found, site, name, field.outermost);
    if (field.presence === "optional") return undefined;
    const nothing = emptyContent(around.span);
    if (field.presence === "defaulted") return this.#readBlock(field.block, nothing, site);
    // What was written in a wrong form is told already.
    if (items.length === 0) {
      this.#notes.missing(site, around.span, `${this.#notes.noun("block")} "${name}"`, around.incomplete);
    } else this.#notes.place(site, { span: around.span, name, broken: true });
    return new Decoder(new Notes(this.#notes.format)).decode(field.block, nothing).value;
  }

  #readBlocks(field: BlocksField, name: string, items: readonly Item[], site: Site): unknown[] {
    const json = this.#notes.format === "json";
    const found = items.flatMap((item) =>
      this.#contentsOf(field, item, site.where).map((content, index) => ({
        content,
        called: json ? `${item.name}[${index}]` : name,
      })),
    );
    const values = found.map(({ content, called }, index) =>
      this.#readInner(field.block, content, { path: joinPath(site.path, index), where: site.where }, called, false),
    );
    const listOf = (index: number) => field.json.indexOf(field.place(values[index]) ?? "");
    const order = [...values.keys()].sort((a, b) => listOf(a) - listOf(b));
    this.#notes.reorder(site.path, order);
    return order.map((index) => values[index]);
  }

  /** The blocks that an item is; none when it has the wrong form, which is told. */
  #contentsOf(field: BlockField | BlocksField, item: Item, where: string): Content[] {
    if (item.block !== undefined) return [item.block];
    if (this.#notes.format === "hcl") {
      this.#tellAttribute(field.block, item, where);
      return [];
    }
    const value = item.value();
    if (value === undefined) return [];
    const contents = contentsOfValue(value, countOuterLabels(field.block));
    if (contents !== undefined) return contents;
    const expected = field.kind === "block" ? "an object" : "a list of objects";
    this.#notes.error(where, value.span, `${item.name} must be ${expected}, found ${describeFound(value, true)}`);
    return [];
  }

  #tellAttribute(block: AnyBlock, { name, nameSpan }: Item, where: string): void {
    const labels = Object.entries(block.fields).flatMap(([key, { kind }]) => (kind === "label" ? [key] : []));
    const [what, hint] = this.#jsonSyntax
      ? ["a value", `write ${spellBlock(name, labels, true)}`]
      : ["an attribute", `write ${name} { … } without "="`];
    this.#notes.error(where, nameSpan, `${name} is a block, found ${what}`, hint);
  }

  #readInner(block: AnyBlock, content: Content, site: Site, name: string, outermost: boolean): unknown {
    const called = [name, ...content.labels.map((label) => quoteFound(label.text))].join(" ");
    const joint = this.#notes.format === "json" ? "." : ", ";
    const inside = outermost ? "" : site.where === "" ? called : `${site.where}${joint}${called}`;
    this.#notes.place(site, { span: content.span, name: called, inside });
    return this.#readBlock(block, content, { path: site.path, where: inside });
  }
}
