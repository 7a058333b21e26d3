import { expect, test } from "bun:test";
import { createConsoleText } from "../../../../src/cli/console/text.ts";

function shown(...chunks: (string | Uint8Array)[]): string {
  const toText = createConsoleText();
  return chunks.map((chunk) => toText(typeof chunk === "string" ? Buffer.from(chunk) : chunk)).join("") + toText();
}

test("lines of a serial console stay lines", () => {
  expect(shown("one\r\ntwo\r\n\tthree\n")).toBe("one\ntwo\n\tthree\n");
});

test("a line that is written over becomes several", () => {
  expect(shown("10%\r20%\r\r\n")).toBe("10%\n20%\n");
});

test("colours and movements of the cursor are left out", () => {
  expect(shown("\u001bc\u001b[?7l\u001b[2J\u001b[0;32m OK \u001b[0m")).toBe(" OK ");
});

test("what sets a title, asks the terminal to answer or rings is shown and not obeyed", () => {
  expect(shown("\u001b]0;owned\u0007 \u001bP$q\u001b\\ \u009b6n \u0000")).toBe(
    "\\x1b]0;owned\\x07 \\x1bP$q\\x1b\\ \\x9b6n \\x00",
  );
});

test("sequences, line ends and characters may be cut between any two bytes", () => {
  const bytes = Buffer.from("a\r\n\u001b[1;31mé→\u001b[0m\r\nb\r");
  for (let at = 0; at <= bytes.length; at++) {
    expect(shown(bytes.subarray(0, at), bytes.subarray(at))).toBe("a\né→\nb\n");
  }
});

test("a sequence that never ends is shown in the end", () => {
  expect(shown("a\u001b[")).toBe("a\\x1b[");
  expect(shown(`a\u001b[${"1".repeat(100)}m`)).toBe(`a\\x1b[${"1".repeat(100)}m`);
});
