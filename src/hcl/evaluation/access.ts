import { nearestName } from "../../base/text.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, isMapping, typeOf } from "../cty/datum.ts";
import { isWhole, truncate } from "../cty/number.ts";
import { describeType, NUMBER, STRING } from "../cty/type.ts";
import { quoteName } from "../limits.ts";

/** Thrown for a part that a value does not have. */
export class NoPart extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * The part of a value under a name, as `.name` says it.
 * @param subject what the value is called in messages: its path in quotes. @throws NoPart.
 */
export function attributeOf(datum: Datum, name: string, subject: string): Datum {
  if (isMapping(datum)) {
    const value = datum.entries.get(name);
    if (value === undefined) throw missing(datum.entries.keys(), name, subject);
    return value;
  }
  const what = datum.kind === "null" ? "null" : describeType(typeOf(datum));
  const hint = "items" in datum ? `[0]${`.${name}`} is that of the first item, [*].${name} that of each` : undefined;
  if ("items" in datum) throw new NoPart(`${subject} is ${what} and has no ${quoteName(name)}`, hint);
  throw new NoPart(`${subject} is ${what} and has no parts`);
}

/** The part of a value at an index or key, as `[key]` says it. @throws NoPart, Mismatch. */
export function partAt(datum: Datum, key: Datum, subject: string): Datum {
  if (datum.kind === "null") throw new NoPart(`${subject} is null and has no parts`);
  if (key.kind === "null") throw new Mismatch("an index is a number or text, not null");
  if (isMapping(datum)) {
    const name = convert(key, STRING);
    return attributeOf(datum, name.kind === "string" ? name.value : "", subject);
  }
  if (datum.kind === "set") {
    throw new NoPart(`${subject} is a set, whose items have no numbers`, 'go through it with "for"');
  }
  if (!("items" in datum)) {
    throw new NoPart(`${subject} is ${describeType(typeOf(datum))} and has no parts`);
  }
  const index = convertIndex(key, subject, datum.items.length);
  const item = isWhole(index) ? datum.items[Number(truncate(index))] : undefined;
  if (item === undefined) {
    const shown = key.kind === "string" ? JSON.stringify(key.value) : spellIndex(key);
    throw new NoPart(`${subject} has ${countItems(datum.items.length)} and none at ${shown}`);
  }
  return item;
}

function convertIndex(key: Datum, subject: string, count: number) {
  try {
    const index = convert(key, NUMBER);
    if (index.kind === "number") return index.value;
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    if (key.kind === "string") {
      const shown = JSON.stringify(key.value);
      throw new NoPart(`${subject} has ${countItems(count)} and none at ${shown}`);
    }
  }
  throw new Mismatch(`an index is a number or text, not ${describeType(typeOf(key))}`);
}

function spellIndex(key: Datum): string {
  const spelled = convert(key, STRING);
  return spelled.kind === "string" ? spelled.value : "null";
}

function countItems(count: number): string {
  return count === 1 ? "1 item" : `${count} items`;
}

function missing(known: Iterable<string>, name: string, subject: string): NoPart {
  const near = nearestName(name, known);
  const hint = near === undefined ? undefined : `did you mean ${quoteName(near)}?`;
  return new NoPart(`${subject} has no ${quoteName(name)}`, hint);
}
