import type { ConsoleFrame } from "../contract/console.ts";
import type { LogPosition } from "../logs/stretch.ts";

/** Most bytes that wait for one viewer; what it is too slow for beyond that is left out, and it is told how much. */
export const MOST_WAITING = 256 << 10;
/** A viewer that was too slow is given more once no more than this waits for it. */
const WAITING_AGAIN = MOST_WAITING / 4;

/** Somebody who looks at a console. */
export interface Viewer {
  /** Bytes that were handed over and not sent yet. */
  waiting(): number;
  output(data: Uint8Array): void;
  tell(frame: ConsoleFrame): void;
  /** Nothing comes any more. @param failure why, unless the machine has ended, which it was told. */
  end(failure?: string): void;
}

export interface ConsoleWish {
  readonly readOnly: boolean;
  /** How many of the last lines are shown first. */
  readonly lines: number;
  /** Goes on here instead, a place that a frame told; null for none. */
  readonly from: LogPosition | null;
}

/** Hands a console's output to one viewer, and no more of it than the viewer takes. */
export class Seated {
  readonly viewer: Viewer;
  readonly wish: ConsoleWish;
  /** Bytes of its input that QEMU has not taken yet. */
  underway = 0;
  /** Bytes left out and not told yet. */
  #skipped = 0;
  /** Where its next byte is expected to stand, as chunks name it. */
  #next: { readonly file: string; readonly offset: number } | null = null;

  constructor(viewer: Viewer, wish: ConsoleWish) {
    this.viewer = viewer;
    this.wish = wish;
  }

  /** Hands output over, or leaves it out. @param place where it begins in the serial log; null when there is none. */
  give(data: Uint8Array, place: { readonly file: string; readonly offset: number } | null): void {
    this.drained();
    if (this.#skipped > 0 || this.viewer.waiting() > MOST_WAITING) {
      this.#skipped += data.length;
      return;
    }
    if (place !== null) {
      this.tellPosition(place.file, place.offset);
      this.#next = { file: place.file, offset: place.offset + data.length };
    }
    this.viewer.output(data);
  }

  /** Says where the next output begins, unless that is known. */
  tellPosition(file: string, offset: number): void {
    if (this.#next?.file === file && this.#next.offset === offset) return;
    this.viewer.tell({ Type: "position", File: file, Offset: offset });
    this.#next = { file, offset };
  }

  /** Less waits for the viewer now. */
  drained(): void {
    if (this.#skipped > 0 && this.viewer.waiting() <= WAITING_AGAIN) this.tellSkipped();
  }

  tellSkipped(): void {
    if (this.#skipped > 0) this.viewer.tell({ Type: "skipped", Bytes: this.#skipped });
    this.#skipped = 0;
  }
}
