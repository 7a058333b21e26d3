/** Longest line that a monitor may send, in bytes; QEMU's largest answer (`query-qmp-schema`) has about 200 KiB. */
export const LINE_LIMIT = 16 << 20;

const NEWLINE = 0x0a;
const NUL = 0x00;
/** What the first piece of a line that has not ended gets; between lines nothing is held: the daemon has a splitter per machine. */
const FIRST = 4096;

/** Cuts a byte stream into lines, whatever pieces it arrives in. */
export interface LineSplitter {
  /**
   * Takes the next piece of the stream.
   * @returns the lines that it completes, without newline and surrounding NUL bytes, empty ones left out; null once a line is
   * longer than the limit, after which the stream is of no use any more.
   */
  push(chunk: Uint8Array): readonly string[] | null;
}

/** @param limit longest line in bytes. */
export function createLineSplitter(limit: number = LINE_LIMIT): LineSplitter {
  // One buffer that doubles: neither a long line nor a peer that sends single bytes costs more than a few times what it sent.
  let held: Buffer | null = null;
  let length = 0;
  const append = (bytes: Uint8Array): boolean => {
    if (length + bytes.length > limit) return false;
    if (bytes.length === 0) return true;
    if (held === null || length + bytes.length > held.length) {
      const larger = Buffer.alloc(Math.max(held === null ? FIRST : 2 * held.length, length + bytes.length));
      held?.copy(larger, 0, 0, length);
      held = larger;
    }
    held.set(bytes, length);
    length += bytes.length;
    return true;
  };
  /** The line that ends with `bytes`; null when it is too long. */
  const finish = (bytes: Uint8Array): string | null => {
    if (held === null) return bytes.length > limit ? null : textOf(bytes);
    if (!append(bytes)) return null;
    const line = textOf(held.subarray(0, length));
    length = 0;
    held = null;
    return line;
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const line = finish(chunk.subarray(start, end));
        if (line === null) return null;
        if (line !== "") lines.push(line);
        start = end + 1;
      }
      return append(chunk.subarray(start)) ? lines : null;
    },
  };
}

/** A line as text, without the NUL bytes and white space around it. */
export function textOf(bytes: Uint8Array): string {
  let start = 0;
  let end = bytes.length;
  while (start < end && bytes[start] === NUL) start++;
  while (end > start && bytes[end - 1] === NUL) end--;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
    .toString("utf8")
    .trim();
}

/** The JSON value of a line, or undefined when it is none. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Junk on the monitor is expected of a QEMU that a guest has taken over; who calls decides what it means.
    return undefined;
  }
}
