/** Undoes what was done to bytes before they were compressed. */
export interface Filter {
  /**
   * Works on bytes in their place, from `start` on; what lies there follows what it had before.
   * @returns behind the last byte that is done: the rest it has to see again, with what follows.
   */
  apply(bytes: Uint8Array, start: number, end: number): number;
}

/** Each byte is the difference to the one so far before it. @param distance 1 to 256 bytes. */
export function createDelta(distance: number): Filter {
  const history = new Uint8Array(256);
  let at = 0;
  return {
    apply(bytes, start, end) {
      for (let i = start; i < end; i++) {
        const value = (bytes[i] ?? 0) + (history[(at - distance) & 0xff] ?? 0);
        bytes[i] = value;
        history[at++ & 0xff] = value;
      }
      return end;
    },
  };
}

/** Filters one after the other, each of which may hold a few bytes back. */
export interface FilterChain {
  /** What is done once these bytes came; there until the next call. */
  push(bytes: Uint8Array): Uint8Array;
  /** What was held back, at the end. */
  finish(): Uint8Array;
}

/** @param filters in the order in which they work. */
export function chainFilters(filters: readonly Filter[]): FilterChain {
  let held = new Uint8Array(0);
  let buffer = new Uint8Array(0);
  /** Up to where each has done its work, in what is held. */
  let done = filters.map(() => 0);
  return {
    push(bytes) {
      const length = held.length + bytes.length;
      if (buffer.length < length) buffer = new Uint8Array(length);
      buffer.set(held);
      buffer.set(bytes, held.length);
      let end = length;
      done = done.map((start, at) => {
        end = filters[at]?.apply(buffer, start, end) ?? end;
        return end;
      });
      held = buffer.slice(end, length);
      done = done.map((place) => place - end);
      return buffer.subarray(0, end);
    },
    finish() {
      // Those behind it have not seen what a filter held back.
      done.reduce((end, start, at) => {
        if (end > start) filters[at]?.apply(held, start, end);
        return end;
      }, held.length);
      return held;
    },
  };
}
