import { AppError } from "../base/errors.ts";

/** Longest frame that is taken: Nomad's have 64 KiB of data, in base64 and with a name. */
const MAX_FRAME = 1 << 20;

/**
 * Cuts a stream of JSON objects that follow one another, with or without white space between them, into the texts of the objects.
 * @throws AppError `internal` for anything else, for an object of more than a megabyte and for one that is cut short.
 */
export async function* splitFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = findFrameEnd(rest); end > 0; end = findFrameEnd(rest)) {
      yield rest.slice(0, end);
      rest = rest.slice(end);
    }
    if (rest.length > MAX_FRAME) throw new AppError("internal", "the agent sent a frame without an end");
  }
  if (rest.trim() !== "") throw new AppError("internal", "the agent's stream broke off in the middle of a frame");
}

/** Offset behind the first whole object, or 0 when there is none yet. */
function findFrameEnd(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === "\\") at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "{") depth++;
    else if (char === "}" && --depth === 0) return at + 1;
    else if (depth <= 0 && !/\s/.test(char ?? ""))
      throw new AppError("internal", "the agent sent something else than frames");
  }
  return 0;
}
