import { expect, test } from "bun:test";
import { printLabelled } from "../../../../src/cli/terminal/labelled.ts";
import { memoryTerminal } from "../../../helpers/cli.ts";

const TEXT = "the disk stays in /a/path/that/is/longer/than/the/line/may/be and nowhere else";

test("a warning is broken at its spaces where the terminal ends, and a path stays whole", () => {
  const narrow = memoryTerminal({ columns: 30 });
  printLabelled(narrow.terminal.err, "warning", TEXT);
  expect(narrow.stderr().split("\n")).toEqual([
    "warning: the disk stays in",
    "/a/path/that/is/longer/than/the/line/may/be",
    "and nowhere else",
    "",
  ]);
});

test("a warning goes to a file in the lines that it has", () => {
  const file = memoryTerminal();
  printLabelled(file.terminal.err, "note", `${TEXT}\n  more of it`);
  expect(file.stderr()).toBe(`note: ${TEXT}\n  more of it\n`);
});

test("the word alone is coloured", () => {
  const coloured = memoryTerminal({ columns: 80, color: true });
  printLabelled(coloured.terminal.err, "warning", "beware");
  expect(coloured.stderr()).toBe("\u001b[33mwarning: \u001b[39mbeware\n");
});
