import { describe, expect, test } from "bun:test";
import { Lexer } from "../../../../src/hcl/syntax/lexer.ts";

/** The tokens of a text as `kind` or `kind:text` where the text says more, and what was reported. */
function lex(text: string): { tokens: string[]; reports: string[] } {
  const reports: string[] = [];
  const lexer = new Lexer(text, (start, _, message) => reports.push(`${start} ${message}`));
  const tokens: string[] = [];
  for (let token = lexer.next(); token.kind !== "end"; token = lexer.next()) {
    const spelled = text.slice(token.start, token.end);
    tokens.push(spelled === token.kind ? spelled : `${token.kind}:${spelled}`);
  }
  return { tokens, reports };
}

describe("tokens", () => {
  test.each<[string, string[]]>([
    ["a-b_1 = é", ["identifier:a-b_1", "=", "identifier:é"]],
    ["1.5e-3 2.x 3...", ["number:1.5e-3", "number:2", ".", "identifier:x", "number:3", "..."]],
    ["=> == != <= >= && || < > ! ? * %", ["=>", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "?", "*", "%"]],
    ["a # b\r\n// c\n/* d\n */ e", ["identifier:a", "newline:\n", "newline:\n", "identifier:e"]],
    [
      '"a${b}c"',
      ['openQuote:"', "text:a", "interpolation:${", "identifier:b", "closeTemplate:}", "text:c", 'closeQuote:"'],
    ],
    ['"$${a} %%{ \\" $ %"', ['openQuote:"', 'text:$${a} %%{ \\" $ %', 'closeQuote:"']],
    ['"${~{}~}"', ['openQuote:"', "interpolation:${~", "{", "}", "closeTemplate:~}", 'closeQuote:"']],
    ['"%{if a}"', ['openQuote:"', "directive:%{", "identifier:if", "identifier:a", "closeTemplate:}", 'closeQuote:"']],
    ['<<-E\n  "x\n E\n', ["openHeredoc:<<-E\n", 'text:  "x\n', "closeHeredoc:E", "newline:\n"]],
    ["<<E\nE", ["openHeredoc:<<E\n", "closeHeredoc:E"]],
    ["<< E", ["<", "<", "identifier:E"]],
    ["@😀", ["unknown:@", "unknown:😀"]],
  ])("%p", (text, tokens) => {
    const kinds = tokens.map((token) => (token === "newline:\n" && text.includes("\r\n") ? "newline" : token));
    const lexed = lex(text).tokens.map((token) =>
      token.startsWith("newline") && text.includes("\r\n") ? "newline" : token,
    );
    expect(lexed).toEqual(kinds);
  });
});

describe("what is never closed is reported at its opening and read to a place where reading can go on", () => {
  test.each<[string, string, string[]]>([
    ['a "b\nc', "2 string is never closed", ["identifier:a", 'openQuote:"', "broken:b", "newline:\n", "identifier:c"]],
    ['"a${b"\nc', '2 "${" is never closed', ["newline:\n", "identifier:c"]],
    ["/* a", '0 comment is never closed: no "*/" follows', []],
    ["<<E\na\nEE", '0 heredoc is never closed: no line holds "E" alone', ["openHeredoc:<<E\n", "broken:a\nEE"]],
    ['<<E\n${"a\nb\nE\n', "6 string is never closed", ["text:\nb\n", "closeHeredoc:E", "newline:\n"]],
  ])("%p", (text, report, tail) => {
    const { tokens, reports } = lex(text);
    expect(reports).toEqual([report]);
    expect(tokens.slice(tokens.length - tail.length)).toEqual(tail);
  });
});

test("a closing brace closes the brackets in it too, and the depth says so", () => {
  const lexer = new Lexer("{ [ ( } ]", () => undefined);
  const depths = Array.from({ length: 5 }, () => {
    lexer.next();
    return lexer.depth;
  });
  expect(depths).toEqual([1, 2, 3, 0, 0]);
});

test("reading can be taken up again at an offset, with less open", () => {
  const lexer = new Lexer("{ [ a }", () => undefined);
  for (let count = 0; count < 3; count++) lexer.next();
  lexer.resume(4, 1);
  expect([lexer.next(), lexer.depth, lexer.inBraces]).toEqual([{ kind: "identifier", start: 4, end: 5 }, 1, true]);
});
