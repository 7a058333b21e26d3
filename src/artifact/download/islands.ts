import type { ChecksumType } from "../../cache/checksum.ts";
import { createHashSink, type HashSink } from "./sink.ts";

/** Bytes of a file that came before those in front of them. */
export interface Island {
  readonly start: number;
  /** The first byte behind it. */
  readonly end: number;
}

/** One as a journal keeps it. */
export interface MarkedIsland extends Island {
  /** Hash of its bytes, by which it is known again: neither a power cut nor another file gets into the result. */
  readonly hex: string;
}

/** What of a file lies behind a gap. */
export interface Islands {
  /** In the file's order; none overlaps another. */
  readonly all: readonly Island[];
  /** Of all of them together. */
  readonly bytes: number;
  /** Takes bytes in, behind those of an island or as a new one. */
  add(chunk: Uint8Array, position: number): void;
  /** Takes in one that was marked and has been read again. */
  addHashed(island: Island, hash: HashSink): void;
  /** What all of them are at this moment. */
  mark(): readonly MarkedIsland[];
  /** Takes out the first one when it begins at or before `position`. */
  shift(position: number): Island | undefined;
  clear(): void;
}

interface Growing {
  readonly start: number;
  end: number;
  readonly hash: HashSink;
}

export function createIslands(type: ChecksumType): Islands {
  const all: Growing[] = [];
  return {
    all,
    get bytes() {
      return all.reduce((sum, { start, end }) => sum + end - start, 0);
    },
    add(chunk, position) {
      let island = all.find(({ end }) => end === position);
      if (island === undefined) {
        island = { start: position, end: position, hash: createHashSink(type) };
        insert(all, island);
      }
      island.hash.write(chunk);
      island.end += chunk.length;
    },
    addHashed: ({ start, end }, hash) => insert(all, { start, end, hash }),
    mark: () => all.map(({ start, end, hash }) => ({ start, end, hex: hash.peek().hex })),
    shift(position) {
      const [first] = all;
      return first !== undefined && first.start <= position ? all.shift() : undefined;
    },
    clear() {
      all.length = 0;
    },
  };
}

function insert(all: Growing[], island: Growing): void {
  const at = all.findIndex(({ start }) => start > island.start);
  all.splice(at === -1 ? all.length : at, 0, island);
}
