import type { Clock } from "../../base/clock.ts";
import type { Node } from "../../node/node.ts";

/** Most characters that are kept of one kind of list, some 2,700 allocations: a longer list reads the rest each time. */
const MOST = 8 << 20;
/** What nobody has asked for during so many milliseconds is forgotten, at the latest after twice as many. */
const REST = 30_000;

/**
 * The stubs of ended allocations as JSON: nothing about them changes any more, and a list of a thousand costs a tenth of what it
 * costs to read and write them anew. Nothing is kept for nobody.
 */
export class StubTexts {
  readonly #clock: Clock;
  readonly #texts = new Map<string, string>();
  #length = 0;
  #name: string | null = null;
  #used = false;
  #resting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param node the texts have its name: with another one they are not given. What else is found out of it changes all the time. */
  get(id: string, { name }: Pick<Node, "name">): string | undefined {
    if (name !== this.#name) this.#clear();
    this.#name = name;
    this.#used = true;
    return this.#texts.get(id);
  }

  /** Keeps the text of an allocation that `get` was just asked for. */
  keep(id: string, text: string): void {
    this.forget(id);
    if (this.#length + text.length > MOST) return;
    this.#texts.set(id, text);
    this.#length += text.length;
    if (!this.#resting) this.#rest();
  }

  /** Has to be called when a record was written. */
  forget(id: string): void {
    this.#length -= this.#texts.get(id)?.length ?? 0;
    this.#texts.delete(id);
  }

  #rest(): void {
    this.#resting = true;
    this.#used = false;
    this.#clock.after(REST, () => {
      this.#resting = false;
      if (this.#used) this.#rest();
      else this.#clear();
    });
  }

  #clear(): void {
    this.#texts.clear();
    this.#length = 0;
  }
}
