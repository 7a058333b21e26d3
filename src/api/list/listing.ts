import type { Context } from "hono";
import { AppError } from "../../base/errors.ts";
import { compileFilter } from "../../filter/filter.ts";
import { countParam, flagParam } from "../query.ts";

/** By what an item is found again when the next page is asked for. */
interface Key {
  readonly id: string;
  /** 0 for what has none. */
  readonly createIndex: number;
}

interface Uses<T> {
  readonly keyOf: (item: T) => Key;
  /** What a filter looks at. */
  readonly thingOf: (item: T) => unknown;
  /** The body of the reply. */
  readonly write: (items: readonly T[]) => unknown;
}

/** A list of which a query may ask for a part: `filter`, `reverse`, `per_page` and `next_token`. */
export class Listing<T = unknown> {
  readonly #items: readonly T[];
  readonly #uses: Uses<T>;

  constructor(items: readonly T[], uses: Uses<T>) {
    this.#items = items;
    this.#uses = uses;
  }

  /** A list of things that are written as they are. @param thingOf what a filter looks at instead. */
  static of<T>(items: readonly T[], thingOf: (item: T) => unknown = (item) => item): Listing<T> {
    return new Listing(items, { keyOf: keyOfThing, thingOf, write: (some) => some });
  }

  /**
   * The part that a query asks for.
   * @returns the body of the reply, and where the next page begins; undefined for no more.
   * @throws AppError `invalid` for a filter that is none, or asks what cannot be asked of the items.
   */
  choose(c: Context): { readonly body: unknown; readonly nextToken: string | undefined } {
    const { keyOf, thingOf, write } = this.#uses;
    const reverse = flagParam(c, "reverse");
    const perPage = countParam(c, "per_page", 0) || Number.POSITIVE_INFINITY;
    const expression = c.req.query("filter");
    const filter = expression ? compileFilter(expression) : undefined;
    const ordered = reverse ? this.#items.toReversed() : this.#items;
    const begun = ordered.slice(this.#startOf(c.req.query("next_token"), ordered, reverse));
    if (filter === undefined && begun.length <= perPage) return { body: write(begun), nextToken: undefined };
    const page: T[] = [];
    for (const item of begun) {
      if (filter !== undefined && !filter(thingOf(item))) continue;
      if (page.length === perPage) return { body: write(page), nextToken: tokenOf(keyOf(item)) };
      page.push(item);
    }
    return { body: write(page), nextToken: undefined };
  }

  /** Where a page begins. An item that went meanwhile is followed by the one that stood behind it. */
  #startOf(token: string | undefined, ordered: readonly T[], reverse: boolean): number {
    if (!token) return 0;
    const wanted = readToken(token);
    const { keyOf } = this.#uses;
    const there = ordered.findIndex((item) => keyOf(item).id === wanted.id);
    if (there >= 0) return there;
    const byIndex = ordered.some((item) => keyOf(item).createIndex > 0) && !isSortedById(ordered.map(keyOf), reverse);
    const rank = ({ id, createIndex }: Key): string | number => (byIndex ? createIndex : id);
    const after = ordered.findIndex((item) =>
      reverse ? rank(keyOf(item)) < rank(wanted) : rank(keyOf(item)) > rank(wanted),
    );
    return after < 0 ? ordered.length : after;
  }
}

function isSortedById(keys: readonly Key[], reverse: boolean): boolean {
  const inOrder = reverse ? keys.toReversed() : keys;
  return inOrder.every(({ id }, at) => at === 0 || (inOrder[at - 1]?.id ?? "") <= id);
}

const tokenOf = ({ id, createIndex }: Key): string => `${createIndex}.${id}`;

function readToken(token: string): Key {
  const [, index, id] = /^(\d{1,15})\.(.+)$/s.exec(token) ?? [];
  if (index !== undefined && id !== undefined) return { id, createIndex: Number(index) };
  throw new AppError("invalid", "query parameter next_token: expected what X-Nomad-NextToken of a reply said");
}

/** Replies name their things by `ID`, or else by a name. */
function keyOfThing(thing: unknown): Key {
  const { ID, Name, Namespace, CreateIndex }: WireThing = (typeof thing === "object" ? thing : null) ?? {};
  return {
    id: [ID, Name, Namespace].find((text) => typeof text === "string") ?? String(thing),
    createIndex: typeof CreateIndex === "number" ? CreateIndex : 0,
  };
}

type WireThing = { readonly [name in "ID" | "Name" | "Namespace" | "CreateIndex"]?: unknown };
