import { type JsonValue, type Leaf, text } from "./leaf.ts";
import type { Reporter } from "./places.ts";

/**
 * Words to describe what may stand in a block: its attributes, the blocks in it, and the names that are known but refused or
 * without effect. One description gives the reading of HCL (`decode.ts`) and of JSON, the writing of JSON (`encode.ts`), the
 * TypeScript type (`Infer`) and the suggestions for misspelt names.
 */
declare const described: unique symbol;

/** Carries a type for `Infer`; there is no such property at run time. */
interface Describes<T> {
  readonly [described]?: () => T;
}

export interface Naming {
  /** Its name in HCL; the key of the description unless it says otherwise. */
  readonly name?: string;
  /** Its name in JSON; without one it exists in HCL only. */
  readonly json?: string;
}

export interface AttributeField extends Naming {
  readonly kind: "attribute";
  readonly leaf: Leaf<unknown>;
  readonly required: boolean;
  readonly fallback: unknown;
  /** Values are never printed. */
  readonly secret: boolean;
  /** Not written to JSON where it has no value; others are null there. */
  readonly leftOut?: boolean;
  /** For whoever asks to keep what is written, besides what has no effect. */
  readonly kept?: boolean;
  /** How HCL may write it: `name = value`, or also as one block (`map`), one with blocks in it (`tree`), or several blocks (`maps`). */
  readonly form: "attribute" | "map" | "tree" | "maps";
}

export interface LabelField extends Naming {
  readonly kind: "label";
  readonly leaf: Leaf<string>;
  /** True where HCL also takes an attribute of this name, which wins. */
  readonly alsoAttribute: boolean;
}

export interface BlockField extends Naming {
  readonly kind: "block";
  readonly block: AnyBlock;
  readonly presence: "required" | "optional" | "defaulted";
  /** True for a block that every path begins with: it is not named in `where`. */
  readonly outermost: boolean;
  /** For whoever asks to keep what is written: that it was. */
  readonly kept?: boolean;
  /** Follows its name in a warning: what of it means nothing here. What is in it is told by this alone, and kept whole. */
  readonly partly?: string;
}

export interface BlocksField {
  readonly kind: "blocks";
  readonly block: AnyBlock;
  readonly name?: string;
  /** Names in JSON: each is a list of such blocks; `place` says which of them a value belongs to. */
  readonly json: readonly string[];
  readonly place: (value: unknown) => string | undefined;
}

/** A name that is known and means nothing here: `ignored` tells it as a warning, `refused` as an error. */
export interface KnownField extends Naming {
  readonly kind: "ignored" | "refused";
  /** Follows the name in the message: `has no effect on one host`. */
  readonly why: string;
  readonly hint: string | undefined;
  /** What JSON may hold without a word, besides what is empty: the values that other programs fill in by themselves. */
  readonly neutral: JsonValue;
  /** What is written to JSON; undefined: it is left out. */
  readonly encoded: JsonValue | undefined;
  /** True for a name that HCL does not have. */
  readonly jsonOnly: boolean;
  /** Its value is never printed. */
  readonly secret: boolean;
  /** What its value is where it has a meaning: for whoever asks to keep it. */
  readonly as: AttributeField | BlockField | BlocksField | undefined;
}

/** A name that JSON holds when it comes back from a server; it is passed over. */
export interface PassedField {
  readonly kind: "passed";
  readonly json: string;
  /** What is written to JSON; undefined: it is left out. */
  readonly encoded: JsonValue | undefined;
  readonly name?: never;
}

export type AnyField = AttributeField | LabelField | BlockField | BlocksField | KnownField | PassedField;
export type Field<F extends AnyField, T> = F & Describes<T>;

export interface AnyBlock {
  readonly fields: Readonly<Record<string, AnyField>>;
  /** Between what stands in the text and the value that the program works with; both ways. */
  readonly convert: readonly Conversion[];
}

export interface Conversion {
  read(raw: unknown, at: Reporter): unknown;
  write(value: unknown): unknown;
}

/** The description of a block whose value is a `T`. */
export type Block<T> = AnyBlock & Describes<T>;

/** The type of what a description reads. */
export type Infer<B> = B extends Describes<infer T> ? T : never;

type Silent = { readonly kind: "ignored" | "refused" | "passed" };
type ValueOf<F> = {
  readonly [K in keyof F as F[K] extends Silent ? never : K]: F[K] extends Describes<infer T> ? T : never;
};

/** Describes a block by its fields; the keys are the properties of its value. */
export function block<const F extends Readonly<Record<string, AnyField>>>(fields: F): Block<ValueOf<F>> {
  return { fields, convert: [] };
}

/**
 * A block whose value differs from what is written: short forms resolved, defaults that hang on other attributes filled in.
 * @param convert `read` may report what is wrong; paths are relative to the block.
 */
export function converted<T, U>(
  from: Block<T>,
  convert: { read(raw: T, at: Reporter): U; write(value: U): T },
): Block<U> {
  return { fields: from.fields, convert: [...from.convert, convert as Conversion] };
}

interface AttributeOptions extends Naming {
  readonly secret?: boolean;
  readonly leftOut?: boolean;
  readonly kept?: boolean;
  readonly form?: AttributeField["form"];
}

export function attribute<T>(
  leaf: Leaf<T>,
  options: AttributeOptions & { readonly required: true },
): Field<AttributeField, T>;
export function attribute<T>(
  leaf: Leaf<T>,
  options: AttributeOptions & { readonly default: NoInfer<T> },
): Field<AttributeField, T>;
export function attribute<T>(leaf: Leaf<T>, options?: AttributeOptions): Field<AttributeField, T | undefined>;
/** `name = value`. Without `required` and without `default` its value is undefined where it does not stand. */
export function attribute<T>(
  leaf: Leaf<T>,
  options: AttributeOptions & { readonly required?: boolean; readonly default?: T } = {},
): Field<AttributeField, T | undefined> {
  const { required = false, default: fallback, secret = false, form = "attribute", ...naming } = options;
  return { kind: "attribute", leaf: leaf as Leaf<unknown>, required, fallback, secret, form, ...naming };
}

/** The next label of the block, `group "this" {`; in JSON, where it has a name there, an entry like others. */
export function label(options: Naming & { readonly alsoAttribute?: boolean } = {}): Field<LabelField, string> {
  return { kind: "label", leaf: text(), alsoAttribute: false, ...options };
}

/** A block that may stand once; where it does not stand, one with nothing in it counts. */
export function single<T>(of: Block<T>, naming: Naming = {}): Field<BlockField, T> {
  return { kind: "block", block: of, presence: "defaulted", outermost: false, ...naming };
}

/** A block that must stand once. @param options `outermost`: every message is about something in it, so that none names it. */
export function required<T>(
  of: Block<T>,
  options: Naming & { readonly outermost?: boolean } = {},
): Field<BlockField, T> {
  return { kind: "block", block: of, presence: "required", outermost: false, ...options };
}

/** A block that may stand once; undefined where it does not stand. */
export function optional<T>(
  of: Block<T>,
  options: Naming & Pick<BlockField, "kept" | "partly"> = {},
): Field<BlockField, T | undefined> {
  return { kind: "block", block: of, presence: "optional", outermost: false, ...options };
}

/** A block that may stand any number of times. */
export function blocks<T>(of: Block<T>, naming: Naming = {}): Field<BlocksField, readonly T[]> {
  const { json, ...rest } = naming;
  return { kind: "blocks", block: of, json: json === undefined ? [] : [json], place: () => json, ...rest };
}

/** A block that may stand any number of times and is spread over several lists in JSON; its values have the order of these lists. */
export function sortedBlocks<T>(
  of: Block<T>,
  options: { readonly name?: string; readonly json: readonly string[]; readonly place: (value: T) => string },
): Field<BlocksField, readonly T[]> {
  return { kind: "blocks", block: of, ...options, place: options.place as (value: unknown) => string };
}

interface KnownOptions extends Naming {
  readonly hint?: string;
  readonly neutral?: JsonValue;
  readonly encoded?: JsonValue;
  readonly jsonOnly?: boolean;
  readonly secret?: boolean;
  readonly as?: KnownField["as"];
}

function known(kind: KnownField["kind"], why: string, options: KnownOptions): KnownField {
  const { hint, neutral = null, encoded = null, jsonOnly = false, secret = false, as, ...naming } = options;
  return { kind, why, hint, neutral, encoded, jsonOnly, secret, as, ...naming };
}

/** A name that is accepted, with a warning. @param why follows the name: `has no effect on one host`. */
export function ignored(why: string, options: KnownOptions = {}): KnownField & { readonly kind: "ignored" } {
  return { ...known("ignored", why, options), kind: "ignored" };
}

/** A name that is refused. @param why follows the name: `is not supported yet`. */
export function refused(why: string, options: KnownOptions = {}): KnownField & { readonly kind: "refused" } {
  return { ...known("refused", why, options), kind: "refused" };
}

/** A name that only a server writes into JSON. @param encoded what everybody else does. */
export function passed(json: string, encoded?: JsonValue): PassedField {
  return { kind: "passed", json, encoded };
}

/** For blocks that have the same names in JSON as in HCL: gives every field its name. Names without a meaning are not written. */
export function sameNames<const F extends Readonly<Record<string, AnyField>>>(fields: F): F {
  const named = Object.entries(fields).map(([key, field]) => {
    const name = field.name ?? key;
    if (field.kind === "label" || field.kind === "passed") return [key, field];
    if (field.kind === "blocks") return [key, { ...field, json: [name], place: () => name }];
    if (field.kind === "ignored" || field.kind === "refused")
      return [key, { ...field, json: name, encoded: undefined }];
    return [key, { ...field, json: name }];
  });
  return Object.fromEntries(named) as F;
}
