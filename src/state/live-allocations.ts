import { type Allocation, isTerminal } from "../allocation/allocation.ts";

/** The allocations that have not ended, read once and kept: a start asks for them several times, and there may be hundreds. */
export interface LiveAllocations {
  /** The oldest first. */
  all(): Allocation[];
  /** One of them as it was last written; undefined when it has ended, and while they have not been read. */
  get(id: string): Allocation | undefined;
  /** Takes over what was written. */
  put(allocation: Allocation): void;
  /** Takes out what was removed. */
  remove(id: string): void;
  /** Reads them again when they are asked for: what was written may have been undone. */
  forget(): void;
}

/** @param read all of them from the store. */
export function liveAllocations(read: () => readonly Allocation[]): LiveAllocations {
  let known: Map<string, Allocation> | null = null;
  return {
    all: () => {
      known ??= new Map(read().map((allocation) => [allocation.id, allocation]));
      return [...known.values()].sort(oldestFirst);
    },
    get: (id) => known?.get(id),
    put: (allocation) => {
      if (isTerminal(allocation)) known?.delete(allocation.id);
      else known?.set(allocation.id, allocation);
    },
    remove: (id) => void known?.delete(id),
    forget: () => {
      known = null;
    },
  };
}

/** The order of all lists of allocations. */
export const oldestFirst = (one: Placed, other: Placed): number =>
  one.createIndex - other.createIndex || (one.id < other.id ? -1 : 1);

/** What that order goes by. */
export type Placed = Pick<Allocation, "id" | "createIndex">;
