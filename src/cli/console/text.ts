import { escapeControls } from "../../base/text.ts";

/** What may turn out to be a line end or a sequence once the next bytes are here. */
const UNFINISHED = /(?:\r|\u001b(?:\[[0-?]{0,30}[ -/]?)?)$/;
/** Colours, movements of the cursor, and the reset that firmware begins with (ECMA-48, 5.4; `ESC c` is RIS). */
const SEQUENCES = /\u001b(?:\[[0-?]{0,30}[ -/]?[@-~]|c)/g;

/**
 * Makes the bytes of a guest's serial console fit for a terminal, chunk by chunk: lines stay lines, a line that is
 * written over becomes several, colours and movements of the cursor are left out, and every other control character is shown instead
 * of obeyed, for a guest may write what it likes.
 * @returns a function that takes the next chunk, or none at the end.
 */
export function createConsoleText(): (chunk?: Uint8Array) => string {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const text = rest + (chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true }));
    const end = chunk === undefined ? text.length : text.length - (UNFINISHED.exec(text)?.[0].length ?? 0);
    rest = text.slice(end);
    return escapeControls(
      text
        .slice(0, end)
        .replace(SEQUENCES, "")
        .replace(/\r+\n?/g, "\n"),
      true,
    );
  };
}
