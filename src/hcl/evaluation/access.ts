import type { Budget } from "../budget.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, describeDatum, isMapping } from "../cty/datum.ts";
import { type BigFloat, formatNumber, isWhole, NumberRange, truncate } from "../cty/number.ts";
import { NUMBER, STRING } from "../cty/type.ts";
import { HIDDEN, quoteName } from "../limits.ts";

/** Thrown for a part that a value does not have. */
export class NoPart extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** What messages about a value call it, and what they may show. */
export interface Subject {
  /** Its path in quotes. */
  readonly name: string;
  /** The index or key was computed from what is not shown. */
  readonly hiddenKey: boolean;
  /** The value itself was, and the keys of a map are a part of it. */
  readonly hidden: boolean;
  readonly budget: Budget;
}

/** The part of a value under a name, as `.name` says it. @throws NoPart. */
export function attributeOf(datum: Datum, name: string, subject: Subject): Datum {
  const shown = subject.hiddenKey ? HIDDEN : quoteName(name);
  if (isMapping(datum)) {
    const value = datum.entries.get(name);
    if (value !== undefined) return value;
    const silent = subject.hiddenKey || (subject.hidden && datum.kind === "map");
    const [near] = silent ? [] : subject.budget.suggest(name, datum.entries.keys(), 1);
    const hint = near === undefined ? undefined : `did you mean ${quoteName(near)}?`;
    throw new NoPart(`${subject.name} has no ${shown}`, hint);
  }
  const what = describeDatum(datum);
  if (!("items" in datum)) throw new NoPart(`${subject.name} is ${what} and has no parts`);
  const hint = `[0].${name} is that of the first item, [*].${name} that of each`;
  throw new NoPart(`${subject.name} is ${what} and has no ${shown}`, hint);
}

/** The part of a value at an index or key, as `[key]` says it. @throws NoPart, Mismatch. */
export function partAt(datum: Datum, key: Datum, subject: Subject): Datum {
  if (datum.kind === "null") throw new NoPart(`${subject.name} is null and has no parts`);
  if (key.kind === "null") throw new Mismatch("an index is a number or text, not null");
  if (isMapping(datum)) {
    const name = convert(key, STRING);
    return attributeOf(datum, name.kind === "string" ? name.value : "", subject);
  }
  if (datum.kind === "set") {
    throw new NoPart(`${subject.name} is a set, whose items have no numbers`, 'go through it with "for"');
  }
  if (!("items" in datum)) throw new NoPart(`${subject.name} is ${describeDatum(datum)} and has no parts`);
  const index = indexOf(key);
  const item = index !== undefined && isWhole(index) ? datum.items[Number(truncate(index))] : undefined;
  if (item !== undefined) return item;
  const shown = subject.hiddenKey ? HIDDEN : spellKey(key);
  throw new NoPart(`${subject.name} has ${countItems(datum.items.length)} and none at ${shown}`);
}

/** The number that a key is; undefined for text that is none. @throws Mismatch for a key of another kind. */
function indexOf(key: Datum): BigFloat | undefined {
  try {
    const index = convert(key, NUMBER);
    if (index.kind === "number") return index.value;
  } catch (error) {
    if (!(error instanceof Mismatch || error instanceof NumberRange)) throw error;
    if (key.kind === "string") return undefined;
  }
  throw new Mismatch(`an index is a number or text, not ${describeDatum(key)}`);
}

/** An index or key as messages spell it. */
export function spellKey(key: Datum): string {
  if (key.kind === "string") return JSON.stringify(key.value);
  return key.kind === "number" ? formatNumber(key.value) : "…";
}

function countItems(count: number): string {
  return count === 1 ? "1 item" : `${count} items`;
}
