import { AppError } from "../../base/errors.ts";
import { artifactError, PassingTrouble } from "../failure.ts";
import type { ArtifactPlan } from "../plan.ts";
import { openHttpRange } from "../source/http.ts";
import type { FileVersion } from "../source/version.ts";
import { createPieces, type Piece, type PiecesRequest } from "./pieces.ts";
import { transfer } from "./transfer.ts";
import { createWatchdog } from "./watchdog.ts";

export interface RangesRequest extends PiecesRequest {
  readonly plan: ArtifactPlan;
  readonly version: FileVersion;
  /** Connections beside the first one, at the same time. */
  readonly connections: number;
  /** Longest silence of one of them. */
  readonly silenceMillis: number;
  readonly signal: AbortSignal;
  /** Told of bytes that came, and by a negative count of those that were dropped. */
  readonly onBytes: (count: number) => void;
}

/** The rest of a file, fetched over several connections into one draft. */
export interface Ranges {
  /** What is before it is the first connection's; infinite once they are at an end and have left nothing that is in its way. */
  readonly start: number;
  /** True as soon as no byte is written any more. */
  readonly ended: boolean;
  /** Whether the source did otherwise than it was asked to, and not only broke off. */
  readonly refused: boolean;
  /**
   * True once the draft has all of the file, false when they ended before that: then another request has to go on with what the draft has. Settles when no connection is left. @throws what the disk, `onBytes` or the signal says.
   */
  readonly done: Promise<boolean>;
  /** The first connection has brought all before `start`, and its place is free. */
  takeOver(): void;
  /** Ends them. What they brought stays in the draft. */
  end(): void;
  /** Ends them and drops what lies ahead, so that one connection can go on with the rest. */
  giveUp(): void;
}

const ODD_REPLY = "the source answered something else than the part that it was asked for";

/**
 * Fetches what is behind `start`, and not among the draft's islands, piece by piece in the file's order over a few connections; the draft
 * tells at any time what of the file has come.
 *
 * A connection that breaks is one less, and its piece is another one's. A reply that is not exactly the piece ends it all: what a source
 * does that mixes things up is not worth a guess.
 */
export function openRanges(request: RangesRequest): Ranges {
  const { plan, draft, total, signal, onBytes } = request;
  const pieces = createPieces(request);
  const running = new Set<Promise<void>>();
  const ending = createEnding(running, artifactError(plan.source, "finished"));
  let limit = request.connections;
  let refused = false;

  const end = (): void => ending.settle((resolve) => resolve(false));
  const giveUp = (): void => {
    end();
    const dropped = pieces.drop();
    if (dropped > 0) onBytes(-dropped);
  };
  const advance = (): void => {
    pieces.advance();
    if (draft.bytes === total) ending.settle((resolve) => resolve(true));
  };
  const write = (piece: Piece, chunk: Uint8Array): void => {
    if (ending.begun) throw ending.reason;
    if (piece.at + chunk.length > piece.end) throw artifactError(plan.source, ODD_REPLY);
    ending.orFail(() => {
      pieces.write(piece, chunk);
      advance();
      onBytes(chunk.length);
    });
    fill();
  };
  const onTrouble = (error: unknown): void => {
    if (ending.begun) return;
    if (signal.aborted) ending.settle((_, reject) => reject(signal.reason));
    else if (error instanceof AppError && !(error instanceof PassingTrouble)) {
      refused = true;
      giveUp();
    } else if (--limit === 0) end();
  };
  const begin = (piece: Piece): void => {
    const run = fetchPiece(request, piece, ending.signal, (chunk) => write(piece, chunk))
      .catch((error: unknown) => ending.orFail(() => onTrouble(error)))
      .catch(() => undefined)
      .finally(() => {
        pieces.giveBack(piece);
        running.delete(run);
        fill();
      });
    running.add(run);
  };
  const fill = (): void => {
    while (!ending.begun && running.size < limit) {
      const piece = pieces.take();
      if (piece === undefined) return;
      begin(piece);
    }
  };
  fill();
  return {
    get start() {
      return ending.begun && draft.islands.length === 0 ? Number.POSITIVE_INFINITY : request.start;
    },
    get ended() {
      return ending.begun;
    },
    get refused() {
      return refused;
    },
    done: ending.done,
    takeOver() {
      if (ending.begun) return;
      limit++;
      ending.orFail(advance);
      fill();
    },
    end,
    giveUp,
  };
}

type Settle = (resolve: (isWhole: boolean) => void, reject: (error: unknown) => void) => void;

/** How all connections end: each is told at once, and the result is known when none is left. */
function createEnding(running: ReadonlySet<Promise<void>>, reason: AppError) {
  const stopped = new AbortController();
  const { promise: done, resolve, reject } = Promise.withResolvers<boolean>();
  // Whoever asks for it hears of it.
  done.catch(() => undefined);
  const settle = (how: Settle): void => {
    if (stopped.signal.aborted) return;
    stopped.abort(reason);
    void Promise.allSettled(running).then(() => how(resolve, reject));
  };
  return {
    done,
    reason,
    signal: stopped.signal,
    get begun() {
      return stopped.signal.aborted;
    },
    settle,
    /** Does what can fail by the disk's fault, which ends it all. */
    orFail(work: () => void): void {
      try {
        work();
      } catch (error) {
        settle((_, fail) => fail(error));
        throw error;
      }
    },
  };
}

/** @throws PassingTrouble or what the network says when it broke; another AppError for a reply that is not the piece. */
async function fetchPiece(
  { plan, version, silenceMillis, signal }: RangesRequest,
  piece: Piece,
  stopped: AbortSignal,
  write: (chunk: Uint8Array) => void,
): Promise<void> {
  const given = new AbortController();
  const either = AbortSignal.any([signal, stopped, given.signal]);
  const watchdog = createWatchdog(silenceMillis, () => {
    given.abort(new PassingTrouble(plan.source, "no byte of a part came for too long"));
  });
  try {
    watchdog.arm();
    const stream = await openHttpRange(plan, { offset: piece.at, end: piece.end, version }, either);
    watchdog.disarm();
    if (stream === null) throw artifactError(plan.source, ODD_REPLY);
    await transfer({ stream }, [{ write }], watchdog, () => undefined);
    if (piece.at < piece.end) throw new PassingTrouble(plan.source, "a part broke off");
  } finally {
    watchdog.disarm();
    given.abort(artifactError(plan.source, "finished"));
  }
}
