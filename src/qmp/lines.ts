/** Longest line that a monitor may send, in bytes; QEMU's largest answer (`query-qmp-schema`) has about 200 KiB. */
export const LINE_LIMIT = 16 << 20;

const NEWLINE = 0x0a;
const NUL = 0x00;
/** A larger buffer is given back after the line that needed it; the daemon has one per machine. */
const KEPT = 4096;

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
  let held = Buffer.alloc(KEPT);
  let length = 0;
  const append = (bytes: Uint8Array): boolean => {
    if (length + bytes.length > limit) return false;
    if (length + bytes.length > held.length) {
      const larger = Buffer.alloc(Math.max(2 * held.length, length + bytes.length));
      held.copy(larger, 0, 0, length);
      held = larger;
    }
    held.set(bytes, length);
    length += bytes.length;
    return true;
  };
  const take = (): string => {
    const line = textOf(held.subarray(0, length));
    length = 0;
    if (held.length > KEPT) held = Buffer.alloc(KEPT);
    return line;
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        if (!append(chunk.subarray(start, end))) return null;
        const line = take();
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
