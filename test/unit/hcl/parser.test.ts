import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Body } from "../../../src/hcl/ast.ts";
import { MAX_DEPTH, MAX_ERRORS, MAX_SOURCE_BYTES, MAX_VALUES } from "../../../src/hcl/limits.ts";
import { parseHcl } from "../../../src/hcl/parser.ts";
import { randomBelow } from "../../helpers/random.ts";
import { parsePlain, renderErrors } from "./golden.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/hcl");
const ERRORS = join(GOLDEN, "errors");

/** Set: what is found is written into the golden files. */
const UPDATE = process.env["UPDATE_GOLDEN"] === "1";

function hclFiles(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".hcl"));
}

/** `line:column message` of each diagnostic. */
function tell(text: string | Uint8Array): string[] {
  return parseHcl("x.hcl", text).diagnostics.map(
    ({ span, message }) => `${span?.start.line}:${span?.start.column} ${message}`,
  );
}

function namesOf(body: Body): string[] {
  return [
    ...body.attributes.map(({ name, value }) => (value.kind === "invalid" ? `${name}?` : name)),
    ...body.blocks.flatMap(({ type, body: inner }) => [type, ...namesOf(inner).map((name) => `${type}.${name}`)]),
  ];
}

describe("golden files", () => {
  test.each(hclFiles(GOLDEN))("%s means what its JSON says", (name) => {
    const path = join(GOLDEN, name.replace(".hcl", ".json"));
    const found = parsePlain(name, readFileSync(join(GOLDEN, name), "utf8"));
    if (UPDATE) writeFileSync(path, `${JSON.stringify(found, null, 2)}\n`);
    expect(found).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });

  test.each(hclFiles(ERRORS))("errors/%s is refused in the words of its text", (name) => {
    const path = join(ERRORS, name.replace(".hcl", ".txt"));
    const found = renderErrors(name, readFileSync(join(ERRORS, name), "utf8"));
    if (UPDATE) writeFileSync(path, found);
    expect(found).toBe(readFileSync(path, "utf8"));
  });

  test("line ends of Windows change nothing but the text of heredocs", () => {
    for (const name of hclFiles(GOLDEN).filter((file) => !["heredocs.hcl", "templates.hcl"].includes(file))) {
      const text = readFileSync(join(GOLDEN, name), "utf8");
      expect(parsePlain(name, text.replaceAll("\n", "\r\n"))).toEqual(parsePlain(name, text));
    }
    expect(parsePlain("x", "a = <<-E\r\n  x\r\n    y\r\n  E\r\n")).toEqual({ attributes: { a: "x\r\n  y\r\n" } });
  });
});

describe("what an error leaves", () => {
  test("an attribute that cannot be read is there, without a value, and its body says that it is incomplete", () => {
    const { body } = parseHcl("x.hcl", 'a = 1\nb {\n  c = ]\n  d = upper("x")\n  e = 2\n}\nf = 3\n');
    expect(namesOf(body)).toEqual(["a", "f", "b", "b.c?", "b.d", "b.e"]);
    expect([body.incomplete, body.blocks[0]?.body.incomplete]).toEqual([undefined, true]);
  });

  test("the items behind an error are read", () => {
    const text = 'a = [1,\nb = 2\nc {\n  d = (\n  e = 4\n}\ntask "x {\n  f = 5\n}\ng = "${h\ni = 6\n';
    expect(namesOf(parseHcl("x.hcl", text).body)).toEqual(["a?", "b", "g?", "i", "c", "c.d?", "c.e", "task", "task.f"]);
  });

  test("the first of two attributes of one name counts", () => {
    const { body } = parseHcl("x.hcl", "a = 1\na = 2\n");
    expect(body.attributes).toMatchObject([{ name: "a", value: { text: "1" } }]);
  });

  test("the label of a block that is never closed is kept without the brace", () => {
    expect(parseHcl("x.hcl", 'task "vm {\n}\n').body.blocks[0]?.labels[0]?.text).toBe("vm");
  });

  test("errors come sorted by position, in whatever order they are found", () => {
    expect(tell("a = 1\na = ]\n")).toEqual([
      '2:1 attribute "a" is set twice; first on line 1, column 1',
      '2:5 expected a value, found "]"',
    ]);
  });

  test("a comment without end is told behind an error on its line, for it hides the rest", () => {
    expect(tell("a = ) /* x\n")).toEqual([
      '1:5 expected a value, found ")"',
      '1:7 comment is never closed: no "*/" follows',
    ]);
  });

  test("a brace closes its block though a bracket in it is open", () => {
    expect(namesOf(parseHcl("x.hcl", "a {\n  b = [\n}\nc = 1\n").body)).toEqual(["c", "a", "a.b?"]);
  });

  test("nothing of an error is left for the next item", () => {
    const deep = `${"[".repeat(150)})\n`;
    expect(tell(`a = ${deep}b = ${deep}c = upper(])\nd = lower("x")\n`)).toEqual([
      '1:155 expected a value, found ")"',
      '2:155 expected a value, found ")"',
      '3:11 expected a value, found "]"',
    ]);
  });

  test("of braces that are never closed one is told, the one that the indentation shows", () => {
    expect(tell("a {\n  b {\n    c = 1\n")).toEqual(['2:5 "{" is never closed']);
    expect(tell("a {\n  b = {\n    c = 1\n}\n")).toEqual(['2:7 "{" is never closed']);
  });
});

describe("positions", () => {
  test("spans cover what they name, in characters for columns and code units for offsets", () => {
    const { body } = parseHcl("x.hcl", 'é = "😀" # 😀\njob "😀" {\n\tk = [\n  a.b["c"]]\n}\n');
    const [first] = body.attributes;
    expect(first?.nameSpan.start).toEqual({ offset: 0, line: 1, column: 1 });
    expect(first?.value.span.start).toEqual({ offset: 4, line: 1, column: 5 });
    expect(first?.value.span.end).toEqual({ offset: 8, line: 1, column: 8 });
    const [job] = body.blocks;
    expect(job?.labels[0]?.span.end).toEqual({ offset: 22, line: 2, column: 8 });
    expect(job?.body.span.start).toEqual({ offset: 23, line: 2, column: 9 });
    expect(job?.body.span.end).toMatchObject({ line: 5, column: 2 });
    const list = job?.body.attributes[0]?.value;
    expect(list?.kind === "list" ? list.items[0] : undefined).toMatchObject({
      kind: "traversal",
      source: 'a.b["c"]',
      span: { start: { line: 4, column: 3 }, end: { line: 4, column: 11 } },
    });
    expect(body.span.end).toMatchObject({ line: 6, column: 1 });
  });

  test("a byte order mark counts for nothing", () => {
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x20, 0x3d, 0x20, 0x5d]);
    expect(tell(bytes)).toEqual(['1:5 expected a value, found "]"']);
    expect(tell("\ufeffa = ]")).toEqual(['1:5 expected a value, found "]"']);
  });

  test("tabs count for one column, and so does a carriage return", () => {
    expect(tell("\t\ta = ]\r\nb = ]")).toEqual(['1:7 expected a value, found "]"', '2:5 expected a value, found "]"']);
  });
});

describe("characters that stand nowhere", () => {
  test.each([
    ["a = \u201cx\u201d", "1:5 expected a value, found character U+201C"],
    ["a\u00a0= 1", '1:2 expected "=" or "{" after "a", found character U+00A0'],
    ["a = 1\rb = 2", "1:6 expected the end of the line after the value, found character U+000D"],
    ["a = 1 \u001b[2J", "1:7 expected the end of the line after the value, found character U+001B"],
    ["a = 1 & 2", '1:7 expected the end of the line after the value, found "&"'],
    ["a = 😀", "1:5 expected a value, found character U+1F600"],
  ])("%j is told", (text, message) => {
    expect(tell(text)).toEqual([message]);
  });

  test("a very long name is cut in the message", () => {
    expect(tell("x".repeat(1000))).toEqual([
      `1:1001 expected "=" or "{" after "${"x".repeat(60)}…", found the end of the file`,
    ]);
  });
});

/** For what takes a second on an idle machine, and would take hours if it were not linear. */
const DEADLINE_MS = 60_000;

/** Texts that grow with `size`, the worst that were thought of for each part of the reader. */
const HOSTILE: readonly (readonly [string, (size: number) => string])[] = [
  ["one long string", (size) => `a = "${"x".repeat(size)}"`],
  ["one long line of escapes", (size) => `a = "${"\\n".repeat(size / 2)}"`],
  ["one long line of interpolations", (size) => `a = "${"${x}".repeat(size / 4)}"`],
  ["one long list", (size) => `a = [${"1,".repeat(size / 2)}]`],
  ["one long list that is never closed", (size) => `a = [\n${" ".repeat(size / 2)}${"b ".repeat(size / 4)}`],
  ["many line ends within a list", (size) => `a = [\n${" \n".repeat(size / 2)}]`],
  ["one long heredoc", (size) => `a = <<-E\n${"  x\n".repeat(size / 4)}  E\n`],
  ["many heredocs that are never closed", (size) => "a = <<E\n".repeat(size / 8)],
  ["many comments that are never closed", (size) => "/*".repeat(size / 2)],
  ["many strings that are never closed", (size) => 'a = "\n'.repeat(size / 6)],
  ["many braces", (size) => "{".repeat(size)],
  ["many closing braces", (size) => "}".repeat(size)],
  ["a long sum", (size) => `a = 1${"+1".repeat(size / 2)}`],
  ["a long reference", (size) => `a = b${".c".repeat(size / 2)}`],
  ["many labels", (size) => `a ${"b ".repeat(size / 2)}{}`],
  ["a for expression full of braces", (size) => `a = [for ${"{".repeat(size)}`],
  ["digits", (size) => `a = ${"1".repeat(size)}`],
  ["carriage returns", (size) => "\r".repeat(size)],
];

describe("limits", () => {
  test.each([
    ["lists", (n: number) => `a = ${"[".repeat(n)}${"]".repeat(n)}`],
    ["objects", (n: number) => `a = ${"{ b = ".repeat(n)}1${" }".repeat(n)}`],
    ["parentheses", (n: number) => `a = ${"(".repeat(n)}1${")".repeat(n)}`],
    ["blocks", (n: number) => `${"a {\n".repeat(n)}${"}\n".repeat(n)}`],
    ["templates", (n: number) => `a = ${'"${'.repeat(n)}1${'}"'.repeat(n)}`],
    ["calls", (n: number) => `a = ${"f(".repeat(n)}${")".repeat(n)}`],
    ["signs", (n: number) => `a = ${"!".repeat(n)}1`],
    ["conditionals", (n: number) => `a = ${"1 ? 1 : ".repeat(n)}1`],
  ])("%s nested 10,000 deep are an error, and 150 deep are none", (_, nest) => {
    const deep = tell(nest(10_000));
    expect(deep.at(-1)).toEndWith(`nested more than ${MAX_DEPTH} deep`);
    expect(tell(nest(150)).filter((message) => !message.includes("not supported yet"))).toEqual([]);
  });

  test("a text of more than the limit is not read", () => {
    expect(tell(" ".repeat(MAX_SOURCE_BYTES))).toEqual([]);
    expect(tell(" ".repeat(MAX_SOURCE_BYTES + 1))).toEqual([
      `1:1 too long: ${MAX_SOURCE_BYTES + 1} bytes, more than the ${MAX_SOURCE_BYTES} that are read`,
    ]);
  });

  test.each([
    ["labels", (n: number) => `a ${"b ".repeat(n)}{}`],
    ["steps", (n: number) => `a = b${".c".repeat(n)}`],
    ["blocks", (n: number) => "a {}\n".repeat(n)],
  ])(
    "more %s than the limit of values are an error",
    (_, make) => {
      expect(tell(make(MAX_VALUES - 1))).toEqual([]);
      expect(tell(make(MAX_VALUES + 1))).toEqual([expect.stringContaining(`more than ${MAX_VALUES} values`)]);
    },
    // Idle it takes a second and a half, of which a busy host makes more than the usual five.
    60_000,
  );

  test("more values than the limit are an error at the first that is too many", () => {
    expect(tell(`a = [${"1,".repeat(MAX_VALUES)}]`)).toEqual([
      `1:${2 * MAX_VALUES + 4} more than ${MAX_VALUES} values`,
    ]);
  });

  test("errors without end are told up to a number", () => {
    const told = tell("= 1\n".repeat(1000));
    expect(told).toHaveLength(MAX_ERRORS + 1);
    expect(told.at(-1)).toEndWith(`more than ${MAX_ERRORS} errors: the rest of the file is not read`);
  });

  test.each(HOSTILE)(
    "%s of a megabyte comes to an end before the deadline of the test",
    (_, make) => {
      const { diagnostics, body } = parseHcl("x.hcl", make(1 << 20));
      expect(diagnostics.length).toBeLessThanOrEqual(MAX_ERRORS + 1);
      expect(diagnostics.length > 0 || body.attributes.length + body.blocks.length === 1).toBe(true);
    },
    DEADLINE_MS,
  );
});

describe("bytes that are no text", () => {
  const bytes = (...parts: (string | number)[]) =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...new TextEncoder().encode(part)])));

  test.each([
    ["a stray byte", bytes('a = "é', 0xff, '"\n'), "1:7 byte 0xff is not valid UTF-8"],
    ["Latin-1", bytes("# caf", 0xe9, "\na = 1\n"), "1:6 byte 0xe9 is not valid UTF-8"],
    ["a cut character", bytes("a = 1\n# ", 0xf0, 0x9f), "2:3 byte 0xf0 is not valid UTF-8"],
    ["one behind a genuine U+FFFD", bytes("# \ufffd", 0xc0, "\n"), "1:4 byte 0xc0 is not valid UTF-8"],
    ["one behind a byte order mark", bytes("\ufeffa", 0x80), "1:2 byte 0x80 is not valid UTF-8"],
    ["UTF-16", bytes(0xff, 0xfe, "a", 0, "=", 0), "1:1 byte 0xff is not valid UTF-8"],
    ["NUL", bytes("a = 1\nb", 0, "= 2\n"), "2:2 a NUL byte, which no text holds"],
  ])("%s is refused at its place, and nothing else is said", (_, text, message) => {
    expect(tell(text)).toEqual([message]);
    expect(parseHcl("x.hcl", text).body).toMatchObject({ attributes: [], blocks: [], incomplete: true });
  });

  test("a genuine replacement character is text", () => {
    expect(tell(bytes('a = "\ufffd"\n'))).toEqual([]);
  });
});

describe("mutations of a valid job file", () => {
  const SEED = readFileSync(join(GOLDEN, "job.hcl"), "utf8") + readFileSync(join(GOLDEN, "heredocs.hcl"), "utf8");
  const PIECES = ['"', "${", "%{", "}", "{", "[", "]", "(", ")", "\n", "=", ":", ",", ".", "#", "/*", "*/", "<<-E\n"];
  PIECES.push(
    "\nE\n",
    "\\",
    "$",
    "~",
    "1",
    "-",
    "a = 1\n",
    "\r",
    "\0",
    "é",
    "\ud83d",
    "for ",
    "?",
    "!",
    "null",
    "*",
    "...",
  );

  function mutate(text: string, random: (below: number) => number): string {
    const at = random(text.length + 1);
    const from = random(text.length + 1);
    switch (random(3)) {
      case 0:
        return text.slice(0, at) + PIECES[random(PIECES.length)] + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + random(4));
      default:
        return text.slice(0, at) + text.slice(from, from + random(30)) + text.slice(at + random(10));
    }
  }

  test(
    "never throw, and every error has a place within the text",
    () => {
      const random = randomBelow(20260821);
      for (let run = 0; run < 3000; run++) {
        let text = SEED;
        for (let step = random(6); step >= 0; step--) text = mutate(text, random);
        const { diagnostics, source } = parseHcl("x.hcl", text);
        if (run % 8 === 0) expect(renderErrors("x.hcl", text).length).toBeGreaterThanOrEqual(diagnostics.length);
        for (const { span, message } of diagnostics) {
          const inside =
            span !== undefined && span.start.offset <= span.end.offset && span.end.offset <= source.text.length;
          if (!inside) throw new Error(`run ${run}: ${message} lies outside of the text`);
        }
      }
    },
    DEADLINE_MS,
  );
});
