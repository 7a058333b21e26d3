import type { Viewer } from "../../src/console/seat.ts";
import type { ConsoleFrame } from "../../src/contract/console.ts";

/** A viewer of a console that remembers everything. */
export interface TestViewer extends Viewer {
  /** What it was given, as text of one byte a character. */
  readonly text: string;
  readonly frames: readonly ConsoleFrame[];
  /** Undefined until nothing comes any more; null when that is no failure. */
  readonly ended: string | null | undefined;
  /** Bytes that it is to say are waiting; every output adds to them while it is `slow`. */
  backlog: number;
  slow: boolean;
}

export function testViewer(): TestViewer {
  const pieces: string[] = [];
  const frames: ConsoleFrame[] = [];
  let ended: string | null | undefined;
  const viewer = {
    backlog: 0,
    slow: false,
    get text() {
      return pieces.join("");
    },
    frames,
    get ended() {
      return ended;
    },
    waiting: () => viewer.backlog,
    output: (data: Uint8Array) => {
      pieces.push(Buffer.from(data).toString("latin1"));
      if (viewer.slow) viewer.backlog += data.length;
    },
    tell: (frame: ConsoleFrame) => void frames.push(frame),
    end: (failure?: string) => {
      ended = failure ?? null;
    },
  };
  return viewer;
}
