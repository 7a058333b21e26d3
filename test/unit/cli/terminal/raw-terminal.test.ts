import { expect, test } from "bun:test";
import { parseEscapeKey, watchTerminal } from "../../../../src/cli/terminal/raw-terminal.ts";

for (const [text, byte, name] of [
  ["^]", 29, "Ctrl-]"],
  ["^a", 1, "Ctrl-A"],
  ["^A", 1, "Ctrl-A"],
  ["^@", 0, "Ctrl-@"],
  ["^_", 31, "Ctrl-_"],
  ["none", null, "no key"],
] as const) {
  test(`the key ${text} is ${name}`, () => {
    expect(parseEscapeKey(text)).toEqual({ byte, name });
  });
}

for (const text of ["", "]", "a", "^", "^]]", "^1", "~.", "^\n"]) {
  test(`${JSON.stringify(text)} is no key that could leave`, () => {
    expect(() => parseEscapeKey(text)).toThrow("expected ^ and a letter");
  });
}

const LEAVE = "\u001b[?1049l";

test("a terminal that the guest left on its other screen is brought back, wherever the sequence was cut", () => {
  const watched = watchTerminal();
  for (const piece of ["vi\u001b[", "?10", "49h~"]) watched.see(Buffer.from(piece));
  expect(watched.reset()).toStartWith(LEAVE);
  watched.see(Buffer.from("\u001b[?1049l"));
  expect(watched.reset()).not.toContain(LEAVE);
});

test("a terminal whose screen was not changed is not told to leave it, and its cursor stays", () => {
  const watched = watchTerminal();
  watched.see(Buffer.from("\u001b[2J\u001b[?25l\u001b[31mred"));
  const reset = watched.reset();
  expect(reset).not.toContain(LEAVE);
  expect(reset).toContain("\u001b[0m");
  expect(reset).toContain("\u001b[?25h");
  expect(reset.indexOf("\u001b7")).toBeLessThan(reset.indexOf("\u001b[r"));
  expect(reset.indexOf("\u001b8")).toBeGreaterThan(reset.indexOf("\u001b[?6l"));
});
