import { AppError } from "../../base/errors.ts";
import type { Draft } from "./draft.ts";
import type { Island } from "./islands.ts";

/** A part of a file that one request asks for. No two of them overlap, so no byte of the file is written twice. */
export interface Piece {
  readonly start: number;
  /** The first byte behind it. */
  readonly end: number;
  /** Up to where it has come. */
  readonly at: number;
}

export interface PiecesRequest {
  readonly draft: Draft;
  /** Bytes of the whole file. */
  readonly total: number;
  /** Where the first piece begins, or the first island of the draft. */
  readonly start: number;
  /** Of one piece. */
  readonly pieceBytes: number;
  /** How far in front of the draft's bytes a piece may begin: what is so far ahead may not be in the page cache when it is hashed. */
  readonly windowBytes: number;
}

/** The rest of a file in pieces, which come in any order and go into the draft in the file's. */
export interface Pieces {
  /** Gives out the next one; undefined while there is none to be fetched. */
  take(): Piece | undefined;
  /** Takes one back, whole or not. */
  giveBack(piece: Piece): void;
  /** The next bytes of a piece that was given out. */
  write(piece: Piece, chunk: Uint8Array): void;
  /** Has the draft take in what lies behind its bytes without a gap. */
  advance(): void;
  /** Drops what lies ahead. @returns how many bytes that were. */
  drop(): number;
}

interface Known extends Piece {
  at: number;
}

/** Bytes that come before those in front of them are written at their place and hashed later, from the page cache. */
export function createPieces({ draft, total, start, pieceBytes, windowBytes }: PiecesRequest): Pieces {
  /** In the file's order, those of which the draft has not all in front. */
  const known: Known[] = [...piecesBetween(draft.islands, start, pieceBytes)];
  const given = new Set<Piece>();
  let next = known.at(-1)?.end ?? start;
  const find = (wanted: Piece) => {
    const found = known.find((piece) => piece === wanted);
    if (found === undefined || wanted.at < draft.bytes) {
      throw new AppError("internal", "a part of a download came twice");
    }
    return found;
  };
  return {
    take() {
      let piece = known.find((each) => !given.has(each) && each.at < each.end);
      if (piece === undefined && next < total && next - draft.bytes <= windowBytes) {
        piece = { start: next, end: Math.min(next + pieceBytes, total), at: next };
        next = piece.end;
        known.push(piece);
      }
      if (piece !== undefined) given.add(piece);
      return piece;
    },
    giveBack: (piece) => void given.delete(piece),
    write(wanted, chunk) {
      const piece = find(wanted);
      if (piece.at === draft.bytes) draft.write(chunk);
      else draft.ahead(chunk, piece.at);
      piece.at += chunk.length;
    },
    advance() {
      draft.absorb();
      while (known[0] !== undefined && known[0].end <= draft.bytes) known.shift();
    },
    drop() {
      known.length = 0;
      next = total;
      return draft.trim();
    },
  };
}

/** What an earlier try left behind a gap, and pieces for the gaps behind it. */
function* piecesBetween(islands: readonly Island[], start: number, pieceBytes: number): Generator<Known> {
  let next = start;
  for (const island of islands) {
    for (; next < island.start; next = Math.min(next + pieceBytes, island.start)) {
      yield { start: next, end: Math.min(next + pieceBytes, island.start), at: next };
    }
    next = island.end;
    yield { start: island.start, end: next, at: next };
  }
}
