import { describe, expect, test } from "bun:test";
import { parseJson } from "../../../src/hcl/json.ts";
import { MAX_DEPTH, MAX_ERRORS, MAX_VALUES } from "../../../src/hcl/limits.ts";
import { toPlain } from "./golden.ts";

function tell(text: string | Uint8Array): string[] {
  return parseJson("x.json", text).diagnostics.map(({ span, message, hint }) =>
    [`${span?.start.line}:${span?.start.column} ${message}`, ...(hint === undefined ? [] : [hint])].join(" — "),
  );
}

const KNOWN_ESCAPES = 'JSON knows \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX';
const HINT_STRING = 'close it with " on the same line; \\n makes a line end';

describe("what is JSON", () => {
  test.each([
    "null",
    "true",
    ' [ 1 , -0.5e3 , "a" , [ ] , { } ] ',
    '{"Job": {"ID": "x", "Meta": {"a b": "\\u00e9\\n\\"\\\\\\/😀"}, "__proto__": 1}}',
    '"\\ud83d\\ude00"',
    `[${"[],{},".repeat(MAX_DEPTH)}0]`,
    "\r\n\t0\r\n",
  ])("%p means what JSON.parse says", (text) => {
    const { value, diagnostics } = parseJson("x.json", text);
    expect(diagnostics).toEqual([]);
    expect(value === undefined ? value : JSON.stringify(toPlain(value))).toBe(JSON.stringify(JSON.parse(text)));
  });

  test("numbers keep their spelling, beyond what a double holds", () => {
    expect(parseJson("x.json", "9007199254740993").value).toMatchObject({ kind: "number", text: "9007199254740993" });
  });

  test("keys and values know their places", () => {
    const { value } = parseJson("x.json", new TextEncoder().encode('\ufeff{\n  "é": [true],\n  "b": "x"\n}\n'));
    if (value?.kind !== "object") throw new Error("expected an object");
    const [first, second] = value.entries;
    expect(value.span).toMatchObject({ file: "x.json", start: { offset: 0, line: 1 }, end: { line: 4, column: 2 } });
    expect(first?.keySpan).toMatchObject({ start: { line: 2, column: 3 }, end: { line: 2, column: 6 } });
    expect(first?.value.span).toMatchObject({ start: { line: 2, column: 8 }, end: { line: 2, column: 14 } });
    expect(second?.value.span).toMatchObject({ start: { line: 3, column: 8 }, end: { line: 3, column: 11 } });
  });
});

describe("what is not", () => {
  test.each<[string, string]>([
    ["", "1:1 expected a value, found the end of the text"],
    ["{", '1:1 "{" is never closed'],
    ['{"a": [1,\n2', '1:7 "[" is never closed'],
    ['{"a": [1,\n', '1:7 "[" is never closed'],
    ['{"a"', '1:5 expected ":" after the key, found the end of the text'],
    ['{"a" 1}', '1:6 expected ":" after the key, found "1"'],
    ["{a: 1}", '1:2 expected a key in double quotes or "}", found "a"'],
    ["{'a': 1}", '1:2 expected a key in double quotes or "}", found "\'" — JSON strings stand in double quotes'],
    ['{"a": 1 "b": 2}', '1:9 expected "," or "}", found a string'],
    ["[1 2]", '1:4 expected "," or "]", found "2"'],
    ["[1,]", '1:3 JSON allows no "," before "]"'],
    ['{"a": 1,\n}', '1:8 JSON allows no "," before "}"'],
    ["[,1]", '1:2 expected a value, found ","'],
    ["[1, // one\n2]", '1:5 expected a value, found "/" — JSON has no comments'],
    ["# one\n1", '1:1 expected a value, found "#" — JSON has no comments'],
    ["True", '1:1 expected a value, found "T"'],
    ["01", '1:1 expected a value, found "0"'],
    ["1.", '1:1 expected a value, found "1"'],
    ["+1", '1:1 expected a value, found "+"'],
    ["[1e999]", "1:2 number is too large"],
    ["{} x", '1:4 expected the end of the text, found "x"'],
    ['"abc', `1:1 string is never closed — ${HINT_STRING}`],
    ['["a\n"]', `1:2 string is never closed — ${HINT_STRING}`],
    ['"a\\x"', `1:3 unknown escape — ${KNOWN_ESCAPES}`],
    ['"a\\u12g4"', `1:3 unknown escape — ${KNOWN_ESCAPES}`],
    ['"a\tb"', "1:3 a control character, which JSON strings hold as an escape only — write \\t or \\u00XX"],
    ["[😀]", '1:2 expected a value, found "😀"'],
    [`${"[".repeat(10_000)}`, `1:${MAX_DEPTH + 1} nested more than ${MAX_DEPTH} deep`],
    [`[${"1,".repeat(MAX_VALUES)}1]`, `1:${2 * MAX_VALUES} more than ${MAX_VALUES} values`],
  ])("%p is refused at its place", (text, message) => {
    expect(tell(text)).toEqual([message]);
    expect(parseJson("x.json", text).value).toBeUndefined();
  });

  test("bytes that are no UTF-8", () => {
    expect(tell(Uint8Array.from([0x22, 0xff, 0x22]))).toEqual([
      "1:2 byte 0xff is not valid UTF-8 — save the file as UTF-8",
    ]);
  });
});

describe("keys that stand twice", () => {
  test("are errors that name the first place, and the first one counts", () => {
    const { value, diagnostics } = parseJson("x.json", '{"a": 1,\n "b": {"a": 2},\n "a": 3, "\\u0061": 4}');
    expect(diagnostics.map(({ span, message }) => `${span?.start.line}:${span?.start.column} ${message}`)).toEqual([
      '3:2 key "a" stands twice in this object; first on line 1, column 2',
      '3:10 key "a" stands twice in this object; first on line 1, column 2',
    ]);
    expect(value === undefined ? value : toPlain(value)).toEqual({ a: 1, b: { a: 2 } });
  });

  test("are told up to a number", () => {
    expect(tell(`{${'"a":1,'.repeat(1000)}"a":1}`)).toHaveLength(MAX_ERRORS);
  });
});
