import { describeFound } from "./content.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { JsonValue, Spot } from "./leaf.ts";
import type { Format } from "./names.ts";
import { joinPath, type Place } from "./places.ts";
import type { Span } from "./span.ts";
import type { Value } from "./value.ts";

/** Where the reading is: the path of a value, and the block around it in the user's words, "" outside of all. */
export interface Site {
  readonly path: string;
  readonly where: string;
}

/** What was written of something that has no effect here, as JSON. */
export interface Kept {
  /** The path of the block that it stands in: `groups[0].tasks[0]`. */
  readonly path: string;
  /** By its name in JSON; "" says no more than that the block was written. */
  readonly name: string;
  readonly value: JsonValue;
}

/** What one reading finds out besides the value: where things stand, and what is wrong with them. */
export class Notes {
  readonly format: Format;
  readonly diagnostics: Diagnostic[] = [];
  readonly places = new Map<string, Place>();
  /** Undefined where nobody asks for it. */
  readonly kept: Kept[] | undefined;

  constructor(format: Format, kept?: Kept[]) {
    this.format = format;
    this.kept = kept;
  }

  /** @param secret true when the line of the text may hold what is never shown. */
  error(where: string, span: Span, message: string, hint?: string, secret = false): void {
    const diagnostic: Diagnostic = { severity: "error", span, where: orUndefined(where), message, hint };
    this.diagnostics.push(secret ? { ...diagnostic, secret } : diagnostic);
  }

  /** An error about what stands twice and may stand once. */
  twice(where: string, second: Span, first: Span, name: string, secret = false): void {
    this.error(where, second, `${name} stands twice; first on line ${first.start.line}`, "keep one of them", secret);
  }

  /** An error about what does not stand; `incomplete` when it may stand in what could not be read. */
  missing(site: Site, span: Span, what: string, incomplete: boolean): void {
    if (!incomplete) this.error(site.where, span, `missing ${what}`);
    this.place(site, { span, name: what, broken: true });
  }

  place(site: Site, place: Partial<Place> & Pick<Place, "span" | "name">): void {
    this.places.set(site.path, { broken: false, secret: false, ...place, where: orUndefined(site.where) });
  }

  /** Marks a value as wrong, so that nothing more is told about it. */
  breakPlace(path: string): void {
    const place = this.places.get(path);
    if (place !== undefined) this.places.set(path, { ...place, broken: true });
  }

  /** Moves the places of a list's items as its values are moved. @param order the old index of each item. */
  reorder(path: string, order: readonly number[]): void {
    if (order.every((from, to) => from === to)) return;
    const target = new Map(order.map((from, to) => [joinPath(path, from), joinPath(path, to)]));
    const own = [...this.places].filter(([key]) => key.startsWith(`${path}[`));
    for (const [key] of own) this.places.delete(key);
    for (const [key, place] of own) {
      const prefix = key.slice(0, key.indexOf("]", path.length) + 1);
      this.places.set((target.get(prefix) ?? prefix) + key.slice(prefix.length), place);
    }
  }

  /** `attribute` or `block`, or `key` as JSON calls both. */
  noun(kind: "attribute" | "block"): string {
    return this.format === "json" ? "key" : kind;
  }

  /** The spot of an attribute's value; takes its place. */
  spot(site: Site, name: string, value: Value, secret: boolean): Spot {
    this.place(site, { span: value.span, name, secret, ...(value.hidden && { hidden: true }) });
    return {
      child: (key, part) =>
        this.spot({ path: joinPath(site.path, key), where: site.where }, joinPath(name, key), part, secret),
      refuse: (found, expected, hint) => {
        const message = `${name} must be ${expected}, found ${describeFound(found, secret)}`;
        this.error(site.where, found.span, message, hint, secret);
        this.breakPlace(site.path);
        return undefined;
      },
    };
  }
}

export function orUndefined(text: string): string | undefined {
  return text === "" ? undefined : text;
}
