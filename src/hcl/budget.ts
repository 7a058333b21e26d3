import { nearestNames } from "../base/text.ts";
import { type Datum, isMapping, isSequence } from "./cty/datum.ts";
import { MAX_COMPARED, MAX_MADE_BLOCKS, MAX_MADE_TEXT, MAX_MADE_VALUES, MAX_VALUE_DEPTH, MAX_WORK } from "./limits.ts";

/** Thrown when the expressions of a file compute more than they may; the message says more of what. */
export class Exhausted extends Error {}

interface Measure {
  /** Values in it, itself counted, and a part of the length of texts. */
  readonly size: number;
  readonly depth: number;
}

/** Text is looked at much faster than values are. */
const TEXT_PER_VALUE = 64;

/** What the expressions of one file may still compute. One budget serves all of a file, so that no trick adds up. */
export class Budget {
  #work = MAX_WORK;
  #values = MAX_MADE_VALUES;
  #text = MAX_MADE_TEXT;
  #blocks = MAX_MADE_BLOCKS;
  #told = false;
  #names = MAX_COMPARED;
  readonly #measures = new WeakMap<Datum, Measure>();

  /** @throws Exhausted. */
  work(amount: number): void {
    this.#work -= amount;
    if (this.#work < 0) throw new Exhausted(`more than ${MAX_WORK} steps of computing`);
  }

  /** Asks for values before they are made. @throws Exhausted. */
  values(count: number): void {
    this.#values -= count;
    if (this.#values < 0) throw new Exhausted(`more than ${MAX_MADE_VALUES} computed values`);
    this.work(count);
  }

  /** Asks for a block before it is made. @throws Exhausted. */
  block(): void {
    this.#blocks -= 1;
    if (this.#blocks < 0) throw new Exhausted(`more than ${MAX_MADE_BLOCKS} blocks of dynamic ones`);
  }

  /** Whether nothing more is computed, because it was told that there was too much of it. */
  get spent(): boolean {
    return this.#told;
  }

  /** What is to be told of the excess, once; undefined when it was. */
  explain({ message }: Exhausted): string | undefined {
    if (this.#told) return undefined;
    this.#told = true;
    return `this takes ${message}, which is more than a job file may; no more of it is computed`;
  }

  /** The known names that may have been meant by a wrong one, the nearest first; none once too many of them were compared. */
  suggest(wrong: string, known: Iterable<string>, most: number): readonly string[] {
    if (this.#names <= 0) return [];
    const names = [...known];
    this.#names -= names.length;
    return nearestNames(wrong, names, most);
  }

  /** Asks for text before it is made. @param length in UTF-16 code units. @throws Exhausted. */
  text(length: number): void {
    this.#text -= length;
    if (this.#text < 0) throw new Exhausted(`more than ${MAX_MADE_TEXT} characters of computed text`);
    this.work(Math.ceil(length / TEXT_PER_VALUE));
  }

  /** Counts a look at all of a value. @throws Exhausted. */
  look(datum: Datum): void {
    this.work(this.#measure(datum).size);
  }

  /** Counts a value that was made of others. @throws Exhausted, also when it is nested too deep. */
  made(datum: Datum): Datum {
    if (datum.kind === "string") this.text(datum.value.length);
    else if (isSequence(datum)) this.values(datum.items.length + 1);
    else if (isMapping(datum)) this.values(datum.entries.size + 1);
    this.#measure(datum);
    return datum;
  }

  #measure(datum: Datum): Measure {
    if (datum.kind === "string") return { size: 1 + Math.ceil(datum.value.length / TEXT_PER_VALUE), depth: 0 };
    if (!isSequence(datum) && !isMapping(datum)) return { size: 1, depth: 0 };
    const known = this.#measures.get(datum);
    if (known !== undefined) return known;
    let size = 1;
    let depth = 0;
    for (const part of isSequence(datum) ? datum.items : datum.entries.values()) {
      const measure = this.#measure(part);
      size += measure.size;
      depth = Math.max(depth, measure.depth + 1);
      if (depth > MAX_VALUE_DEPTH) throw new Exhausted(`a computed value nested more than ${MAX_VALUE_DEPTH} deep`);
    }
    const measure = { size, depth };
    this.#measures.set(datum, measure);
    return measure;
  }
}
