import { AppError } from "../base/errors.ts";
import type { Draft } from "./draft.ts";

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
  /** Where the first piece begins. */
  readonly start: number;
  /** Of one piece. */
  readonly pieceBytes: number;
  /** How far in front of the draft's bytes a piece may begin: what is so far ahead is fetched again after a crash. */
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
  /** Drops what is not in the draft. @returns how many bytes that were. */
  drop(): number;
}

/** Bytes that come before those in front of them are written at their place and hashed later, from the page cache. */
export function createPieces({ draft, total, start, pieceBytes, windowBytes }: PiecesRequest): Pieces {
  /** In the file's order, those of which the draft has not all. */
  const known: { start: number; end: number; at: number }[] = [];
  const given = new Set<Piece>();
  let next = start;
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
      for (let first = known[0]; first !== undefined && first.start <= draft.bytes; first = known[0]) {
        if (first.at > draft.bytes) draft.absorb(first.at);
        if (first.at < first.end) return;
        known.shift();
      }
    },
    drop() {
      const bytes = known.reduce((sum, piece) => sum + Math.max(0, piece.at - Math.max(piece.start, draft.bytes)), 0);
      known.length = 0;
      next = total;
      draft.trim();
      return bytes;
    },
  };
}
