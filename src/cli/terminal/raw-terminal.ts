import { AppError } from "../../base/errors.ts";

/** A key that leaves a console. */
export interface EscapeKey {
  /** The byte that a terminal sends for it; null when no key leaves. */
  readonly byte: number | null;
  /** For people: `Ctrl-]`. */
  readonly name: string;
}

/**
 * Reads `^]`, `^a` and the like, or `none`.
 * @throws AppError `invalid` for anything else: a key that is typed every day would leave by mistake.
 */
export function parseEscapeKey(text: string): EscapeKey {
  if (text === "none") return { byte: null, name: "no key" };
  const key = /^\^([@-_a-z])$/.exec(text)?.[1]?.toUpperCase();
  if (key !== undefined) return { byte: key.charCodeAt(0) & 0x1f, name: `Ctrl-${key}` };
  throw new AppError(
    "invalid",
    `flag -escape: expected ^ and a letter or one of @[\\]^_, found ${JSON.stringify(text)}`,
    {
      hint: "-escape ^] is what it is without the flag; -escape none leaves every key to the guest",
    },
  );
}

/** What a guest may have switched on, off again, the cursor staying where it is (ECMA-48; xterm's private modes). */
const RESET = [
  "\u001b7", // the next three move the cursor
  "\u001b[r", // whole screen scrolls
  "\u001b[?6l", // lines count from the top
  "\u001b8",
  "\u001b[0m", // no colours
  "\u001b[?25h", // cursor shown
  "\u001b[4l", // typing replaces
  "\u001b[?7h", // long lines wrap
  "\u001b[?1l\u001b>", // ordinary arrow keys and keypad
  "\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?1004l", // mouse and focus are not reported
  "\u001b[?2004l", // pasted text comes as it is
  "\u001b(B\u000f", // letters, not line drawing
].join("");
const LEAVE_SCREEN = "\u001b[?1049l";
const SCREEN = /\u001b\[\?(?:[0-9;]*;)?(?:1049|1047|47)(?:;[0-9;]*)?([hl])/g;
/** Longer than any sequence that `SCREEN` is to find cut in two. */
const CARRIED = 32;

/**
 * Watches what a guest writes for what it does to a terminal.
 * @returns `see` takes each piece; `reset` is what makes the terminal usable again.
 */
export function watchTerminal(): { see(data: Uint8Array): void; reset(): string } {
  let carried = "";
  let other = false;
  return {
    see: (data) => {
      const text = carried + Buffer.from(data).toString("latin1");
      // To leave a screen that was not entered would move the cursor to where it once was.
      for (const [, way] of text.matchAll(SCREEN)) other = way === "h";
      carried = text.slice(-CARRIED);
    },
    reset: () => `${other ? LEAVE_SCREEN : ""}${RESET}`,
  };
}
