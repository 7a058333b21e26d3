/** Something that happened, with the index that it happened at. */
export interface Occasion<Entry> {
  readonly index: number;
  readonly entries: readonly Entry[];
}

/** A reader's place among the occasions; it costs nothing but itself. */
export interface Cursor<Entry> {
  /** Whether the next occasion is no longer kept. */
  readonly isLost: boolean;
  /** The next occasion, undefined while there is none, or `lost` when it is no longer kept. */
  take(): Occasion<Entry> | "lost" | undefined;
}

/** The last occasions, for readers that come later or fall behind. */
export interface Feed<Entry> {
  /** The index of the oldest occasion that is kept; null when there is none. */
  readonly oldest: number | null;
  /**
   * Adds an occasion and tells whoever listens.
   * @param weight what it costs to keep it, in bytes or so; the oldest go when there are too many or too heavy ones.
   */
  add(occasion: Occasion<Entry>, weight: number): void;
  /** A place before the first occasion that is kept and has at least this index, or behind all when none has. */
  open(index: number): Cursor<Entry>;
  /** Calls a listener after each occasion. @returns a function that ends it. */
  listen(listener: () => void): () => void;
}

/** Occasions that are kept at most, whatever they weigh. */
const MOST = 512;
/** Bytes that they may weigh together; the newest is kept however heavy it is. */
const HEAVIEST = 2 << 20;

/** A feed of this agent's life; what an agent before it told is gone. */
export function createFeed<Entry>(limits = { most: MOST, heaviest: HEAVIEST }): Feed<Entry> {
  const kept: { readonly occasion: Occasion<Entry>; readonly weight: number }[] = [];
  const listeners = new Set<() => void>();
  let dropped = 0;
  let weighs = 0;
  return {
    get oldest() {
      return kept[0]?.occasion.index ?? null;
    },
    add: (occasion, weight) => {
      kept.push({ occasion, weight });
      weighs += weight;
      while (kept.length > 1 && (kept.length > limits.most || weighs > limits.heaviest)) {
        weighs -= kept.shift()?.weight ?? 0;
        dropped++;
      }
      for (const tell of listeners) tell();
    },
    open: (index) => {
      const first = kept.findIndex(({ occasion }) => occasion.index >= index);
      let at = dropped + (first < 0 ? kept.length : first);
      return {
        get isLost() {
          return at < dropped;
        },
        take: () => {
          if (at < dropped) return "lost";
          const next = kept[at - dropped]?.occasion;
          if (next !== undefined) at++;
          return next;
        },
      };
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
