import { expect, test } from "bun:test";
import { type Piece, textOf } from "../../../../src/cli/terminal/style.ts";
import { alignFacts, alignRows, alignTable, breakText } from "../../../../src/cli/terminal/table.ts";

const plain = (lines: readonly (readonly Piece[])[]): string[] => lines.map((line) => line.map(textOf).join(""));

test("columns are as wide as their widest cell, and nothing trails", () => {
  expect(
    plain(
      alignTable(
        ["ID", "Status"],
        [
          ["web", "running"],
          ["a-long-one", ""],
        ],
      ),
    ),
  ).toEqual(["ID          Status", "web         running", "a-long-one"]);
});

test("a cell with control characters is as wide as what is shown of it", () => {
  expect(
    plain(
      alignRows([
        ["a\u001b", "x"],
        ["abcdef", "y"],
      ]),
    ),
  ).toEqual(["a\u001b   x", "abcdef  y"]);
});

test("on a narrow terminal the last column is broken at its words and stays a column", () => {
  expect(plain(alignRows([["a", "one two three four five six seven"]], 30))).toEqual([
    "a  one two three four five six",
    "   seven",
  ]);
});

test("a column that would get too narrow is left whole", () => {
  const text = "one two three four five six seven";
  expect(plain(alignRows([["a".repeat(20), text]], 30))).toEqual([`${"a".repeat(20)}  ${text}`]);
});

test("facts have one equals sign below the other", () => {
  expect(
    plain(
      alignFacts(
        [
          ["ID", "web"],
          ["Status", "running well and without any trouble"],
        ],
        35,
      ),
    ),
  ).toEqual(["ID     = web", "Status = running well and without", "         any trouble"]);
});

test("a word that is longer than the line stays whole", () => {
  expect(breakText("a bbbbbbbbbbbb c", 5)).toEqual(["a", "bbbbbbbbbbbb", "c"]);
});

test("a table that a terminal is too narrow for has its widest column broken, or becomes a block of lines for each row", () => {
  const header = ["Job", "Status", "Ports"];
  const rows = [
    ["a-long-name-of-a-job", "running", "http 25001"],
    ["web", "pending", ""],
  ];
  expect(plain(alignTable(header, rows, 41))).toEqual([
    "Job                   Status   Ports",
    "a-long-name-of-a-job  running  http 25001",
    "web                   pending",
  ]);
  expect(plain(alignTable(header, rows, 34))).toEqual([
    "Job            Status   Ports",
    "a-long-name-o  running  http 25001",
    "f-a-job",
    "web            pending",
  ]);
  expect(plain(alignTable(header, rows, 32))).toEqual([
    "Job    = a-long-name-of-a-job",
    "Status = running",
    "Ports  = http 25001",
    "",
    "Job    = web",
    "Status = pending",
  ]);
  // A last column that is long is broken before that.
  const long = [["web", "running", "http 25001, https 25002, admin 25003"]];
  expect(plain(alignTable(header, long, 40))).toEqual([
    "Job  Status   Ports",
    "web  running  http 25001, https 25002,",
    "              admin 25003",
  ]);
});

test("what takes two columns of a terminal counts as two, and what takes none as none", () => {
  expect(
    plain(
      alignRows([
        ["机器", "a"],
        ["e\u0301te\u0301", "b"],
        ["abcd", "c"],
      ]),
    ),
  ).toEqual(["机器  a", "e\u0301te\u0301   b", "abcd  c"]);
  expect(breakText("机器 机器 机器", 9)).toEqual(["机器 机器", "机器"]);
});
