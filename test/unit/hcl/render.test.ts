import { describe, expect, test } from "bun:test";
import { type Diagnostic, sortDiagnostics } from "../../../src/hcl/diagnostic.ts";
import { renderDiagnostics } from "../../../src/hcl/render.ts";
import { Source } from "../../../src/hcl/source.ts";

/** Renders one error about the first place of `marked` in a text. */
function render(text: string, marked: string, more: Partial<Diagnostic> = {}, file = "web.hcl"): string {
  const source = new Source(file, text);
  const at = text.indexOf(marked);
  const span = source.span(at, at + marked.length);
  return renderDiagnostics([{ severity: "error", span, message: "wrong", ...more }], new Map([[file, source]]));
}

describe("the form", () => {
  test("is position, place in words, message, line, carets, hint", () => {
    const text = `${"\n".repeat(11)}    image_pth = "local/linux.img"\n`;
    expect(
      render(text, "image_pth", {
        where: 'group "web", task "vm", config',
        message: 'unknown attribute "image_pth"',
        hint: 'did you mean "image_path"?',
      }),
    ).toBe(
      [
        'web.hcl:12:5: group "web", task "vm", config: unknown attribute "image_pth"',
        '   12 |     image_pth = "local/linux.img"',
        "      |     ^^^^^^^^^",
        '            did you mean "image_path"?',
        "",
      ].join("\n"),
    );
  });

  test("has the word warning behind the position", () => {
    expect(render("a = 1", "a", { severity: "warning", where: "job" })).toStartWith(
      "web.hcl:1:1: warning: job: wrong\n",
    );
    expect(renderDiagnostics([{ severity: "warning", message: "odd" }], new Map())).toBe("warning: odd\n");
  });

  test("has no line without a position, a source or text in the line", () => {
    const { span } = { span: new Source("other", "a").span(0, 1) };
    expect(renderDiagnostics([{ severity: "error", message: "x", where: "job" }], new Map())).toBe("job: x\n");
    expect(renderDiagnostics([{ severity: "error", message: "x", span }], new Map())).toBe("other:1:1: x\n");
    expect(render("a\n   \nb", "   ")).toBe("web.hcl:2:1: wrong\n");
  });

  test("hints may have several lines", () => {
    expect(render("a", "a", { hint: "one\ntwo" })).toEndWith("            one\n            two\n");
  });

  test("a stretch of several lines is marked to the end of the first, an empty one by one caret", () => {
    expect(render("a = [\n1]", "[\n1]")).toBe("web.hcl:1:5: wrong\n    1 | a = [\n      |     ^\n");
    const source = new Source("x", "ab");
    const rendered = renderDiagnostics(
      [{ severity: "error", message: "m", span: source.span(2, 2) }],
      new Map([["x", source]]),
    );
    expect(rendered).toBe("x:1:3: m\n    1 | ab\n      |   ^\n");
  });

  test("long line numbers move the line", () => {
    expect(render(`${"\n".repeat(123_455)}abc`, "b")).toBe("web.hcl:123456:2: wrong\n123456 | abc\n       |  ^\n");
  });
});

describe("order", () => {
  const source = new Source("a", "one\ntwo\nthree");
  const other = new Source("b", "four");
  const at = (from: Source, offset: number, message: string): Diagnostic => ({
    severity: "error",
    message,
    span: from.span(offset, offset + 1),
  });

  test("is by file as they first come up, then by position; what has no place comes last", () => {
    const given = [
      at(source, 8, "3"),
      { severity: "error" as const, message: "5" },
      at(other, 0, "4"),
      at(source, 0, "1"),
    ];
    expect(sortDiagnostics([...given, at(source, 4, "2")]).map(({ message }) => message)).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
  });

  test("is that of the text in what is rendered", () => {
    const text = renderDiagnostics([at(source, 4, "second"), at(source, 0, "first")], new Map());
    expect(text).toBe("a:1:1: first\na:2:1: second\n");
  });
});

describe("what a terminal would obey", () => {
  test("is escaped in line, message, file and hint, and the carets stay below", () => {
    expect(render("a\u001b[2J = \u202eb", "b", { message: "m\u001b\n", hint: "h\u0007" }, "f\u001b.hcl")).toBe(
      [
        "f\\x1b.hcl:1:10: m\\x1b\\x0a",
        "    1 | a\\x1b[2J = \\u202eb",
        `      | ${" ".repeat(17)}^`,
        "            h\\x07",
        "",
      ].join("\n"),
    );
    expect(render("a = \u001b", "\u001b")).toEndWith("    1 | a = \\x1b\n      |     ^^^^\n");
  });

  test("tabs stay, in the line and above the carets", () => {
    expect(render("\ta =\tb", "b")).toBe("web.hcl:1:6: wrong\n    1 | \ta =\tb\n      | \t   \t^\n");
  });

  test("wide and combining characters are counted as terminals draw them", () => {
    expect(render("\u6f22e\u0301😀 = b", "b")).toEndWith("      |         ^\n");
    expect(render("x = \u6f22\u5b57", "\u6f22\u5b57")).toEndWith("      |     ^^^^\n");
  });
});

describe("long lines", () => {
  test("are cut behind when the place is near the start", () => {
    const [, line, carets] = render(`name = "${"x".repeat(5000)}"`, "name").split("\n");
    expect(line).toBe(`    1 | name = "${"x".repeat(112)}…`);
    expect(carets).toBe("      | ^^^^");
  });

  test("are cut on both sides of a place in the middle", () => {
    const [, line, carets] = render(`${"a".repeat(5000)}HERE${"b".repeat(5000)}`, "HERE").split("\n");
    expect(line).toBe(`    1 | …${"a".repeat(40)}HERE${"b".repeat(76)}…`);
    expect(carets).toBe(`      | ${" ".repeat(41)}^^^^`);
  });

  test("are cut before a place at the end, and never within a character", () => {
    for (const between of ["", "x"]) {
      const [, line, carets] = render(`${"😀".repeat(3000)}${between}END`, "END").split("\n");
      expect(line).toBe(`    1 | …${"😀".repeat(20)}${between}END`);
      expect(carets).toBe(`      | ${" ".repeat(41 + between.length)}^^^`);
    }
    const [, line] = render(`END${"😀".repeat(3000)}`, "END").split("\n");
    expect(line).toBe(`    1 | END${"😀".repeat(58)}…`);
  });
});

describe("secrets", () => {
  test.each([
    ['  TOKEN = "hunter2"', "TOKEN", "  TOKEN = …", "  ^^^^^"],
    ['  TOKEN = "hunter2"', '"hunter2"', "  TOKEN = …", "          ^"],
    ['  "Token": "hunter2",', '"hunter2"', '  "Token": …', "           ^"],
    ['env { A="hunter2" }', "hunter2", "env { A= …", "         ^"],
    ["    hunter2", "hunter2", "    …", "    ^"],
  ])("%s shows only what stands before the sign", (text, marked, line, carets) => {
    expect(render(text, marked, { secret: true })).toBe(
      `web.hcl:1:${text.indexOf(marked) + 1}: wrong\n    1 | ${line}\n      | ${carets}\n`,
    );
  });

  test("of a long line do not come out by the cut", () => {
    expect(render(`T = "${"x".repeat(500)}hunter2"`, "hunter2", { secret: true })).not.toContain("x");
  });
});
