import type { TemplateBudget } from "../budget.ts";
import { TemplateFault } from "../fault.ts";
import { describeItem, type Item } from "../item.ts";

/** What functions may look at besides their values. */
export interface Surroundings {
  /** The task's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly budget: TemplateBudget;
}

/** A function of templates. */
export interface TemplateFunction {
  /** How many values it takes. */
  readonly least: number;
  readonly most: number;
  /** @throws TemplateFault without a line and without a value. */
  readonly run: (values: readonly Item[], surroundings: Surroundings) => Item;
  /** In place of `run`, for what may leave values unlooked at. */
  readonly lazy?: (values: Iterable<Item>) => Item;
}

export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

/** A function of so many values. */
export function fixed(count: number, run: TemplateFunction["run"]): TemplateFunction {
  return { least: count, most: count, run };
}

export function wanted(what: string, found: Item | undefined, at: number): TemplateFault {
  const given = found === undefined ? "nothing" : describeItem(found);
  return new TemplateFault(`value ${at + 1} must be ${what}, found ${given}`);
}

/** @throws TemplateFault when it is no text. */
export function textAt(values: readonly Item[], at: number): string {
  const item = values[at];
  if (item?.kind === "text") return item.value;
  throw wanted("text", item, at);
}

/** @throws TemplateFault when it is no whole number. */
export function intAt(values: readonly Item[], at: number): bigint {
  const item = values[at];
  if (item?.kind === "int") return item.value;
  throw wanted("a whole number", item, at);
}

/** @throws TemplateFault when it is no list of texts; what `parseJSON` reads is none, with Nomad neither. */
export function textsAt(values: readonly Item[], at: number): string[] {
  const item = values[at];
  if (item?.kind === "list" && item.ofText) return item.items.map((part) => (part.kind === "text" ? part.value : ""));
  throw wanted("a list of texts as split gives it", item, at);
}
