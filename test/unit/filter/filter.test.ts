import { expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { compileFilter } from "../../../src/filter/filter.ts";

const THING = {
  ID: "web",
  Name: "web-server",
  Status: "running",
  Priority: 50,
  Ratio: 0.5,
  Stop: false,
  Datacenters: ["dc1", "dc2"],
  Ports: [80, 443],
  Meta: { owner: "ops", "a.b": "dotted", not: "kept", empty: "" },
  Groups: [{ Name: "g", Count: 2 }],
  Note: "",
  Nothing: null,
  not: "a member",
  in: "another",
};

for (const [expression, wanted] of [
  ['Status == "running"', true],
  ["Status == running", true],
  ["Status==`running`", true],
  ['Status != "running"', false],
  ["Priority == 50", true],
  ['Priority == "50"', true],
  ["Priority != 49", true],
  ["Ratio == 0.5", true],
  ["Priority == -50", false],
  ["Stop == false", true],
  ['Stop == "f"', true],
  ["Stop != true", true],
  ['"dc1" in Datacenters', true],
  ["dc1 in Datacenters", true],
  ['"dc3" in Datacenters', false],
  ['"dc3" not in Datacenters', true],
  ['Datacenters contains "dc2"', true],
  ['Datacenters not contains "dc2"', false],
  ["443 in Ports", true],
  ['"server" in Name', true],
  ['Name contains "web-"', true],
  ["owner in Meta", true],
  ["Meta contains other", false],
  ["Meta.owner == ops", true],
  ['Meta["owner"] == "ops"', true],
  ['Meta["a.b"] == dotted', true],
  ['"/Meta/owner" == ops', true],
  ["Meta.other == ops", false],
  ["Meta.other != ops", true],
  ["ops in Meta.other", false],
  ["ops not in Meta.other", true],
  ['Meta.other matches "o"', false],
  ['Meta.other not matches "o"', true],
  ["Meta.other is empty", true],
  ["Meta.other is not empty", false],
  ["Meta.other is nil", true],
  ["Meta.owner is not nil", true],
  ["Meta.empty is empty", true],
  ["Note is empty", true],
  ["Datacenters is not empty", true],
  ["Nothing is empty", true],
  ["Nothing.More == 1", false],
  ["Groups.0.Name == g", true],
  ["Groups.0.Count == 2", true],
  ["Groups.1.Count == 2", false],
  ['Name matches "^web-s.r"', true],
  ['Name not matches "\\\\d"', true],
  ["Status == running and Priority == 50", true],
  ["Status == dead or Priority == 50", true],
  ["Status == dead and Priority == 50 or ID == web", true],
  ["Status == dead and (Priority == 50 or ID == web)", false],
  ["not Status == dead", true],
  ["not not Status == running", true],
  ["not (Status == running and ID == web)", false],
  ["  ( ( ID == web ) )  ", true],
  ['ID == "w\\x65b"', true],
  ["not == `a member`", true],
  ["in == another", true],
] as const) {
  test(`${expression} is ${wanted}`, () => {
    expect(compileFilter(expression)(THING)).toBe(wanted);
  });
}

for (const [expression, message] of [
  ["", "at character 1, its end: expected a selector or a value"],
  ["Status", "at character 7, its end: expected one of ==, !=, in, contains, matches, is, not"],
  ["Status ==", "at character 10, its end: expected a selector or a value"],
  ["Status = running", 'at character 8, "= running": expected a selector, a value, an operator or a parenthesis'],
  ["Status == running and", "at character 22, its end: expected a selector or a value"],
  ["Status == running ID == web", 'at character 19, "ID == web": expected and, or, or the end'],
  ["(Status == running", "at character 19, its end: expected )"],
  ["Status == running)", 'at character 18, ")": expected and, or, or the end'],
  ['"x" == Status', 'at character 1, "\\"x\\" == Status": expected a selector before the operator'],
  ['Status in "x"', "at character 14, its end: expected a selector"],
  ['Meta["owner" == 1', 'at character 14, "== 1": expected ]'],
  ["Meta[owner] == 1", 'at character 6, "owner] == 1": expected a name in quotes, as in Meta["name"]'],
  ["Status is dead", 'at character 11, "dead": expected empty or nil'],
  ['Status == "x\\q"', 'at character 11, "\\"x\\\\q\\"": unknown escape \\q in a text'],
  ['Status == "x', 'at character 11, "\\"x": expected a selector, a value, an operator or a parenthesis'],
  ["any Groups as g { g.Name == x }", 'at character 1, "any Groups as g { g.Name": any and all are not supported'],
  ['Name matches "("', '"(": '],
  ["Status == x; DROP", 'at character 12, "; DROP": expected a selector'],
  ["(".repeat(100), "too many parentheses within each other"],
  ["x".repeat(5_000), "it is longer than 4096 characters"],
] as const) {
  test(`${expression.slice(0, 40)} is refused with its place`, () => {
    expect(() => compileFilter(expression)).toThrow(AppError);
    expect(() => compileFilter(expression)).toThrow(`query parameter filter: `);
    expect(() => compileFilter(expression)).toThrow(message);
  });
}

for (const [expression, message] of [
  ["Statsu == running", 'there is nothing called "Statsu"'],
  ["Priority == high", 'Priority is a number, and "high" is none'],
  ["Stop == perhaps", 'Stop is true or false, and not "perhaps"'],
  ["Meta == x", "Meta is a list or map: ask what is in it, or whether it is empty"],
  ["Priority contains 5", "Priority has nothing in it: it is a number, or true or false"],
  ['Priority matches "5"', "Priority is no text, which alone matches an expression"],
  ["Priority is empty", "Priority is a number, or true or false, and never empty"],
] as const) {
  test(`${expression} cannot be asked`, () => {
    expect(() => compileFilter(expression)(THING)).toThrow(message);
  });
}

test("regular expressions over many things together take a time that can be foreseen", () => {
  const filter = compileFilter('Name matches "(a|b|ab)*c{1,200}$"');
  const long = { Name: "ab".repeat(50_000) };
  expect(() => {
    for (let count = 0; count < 1_000; count++) filter(long);
  }).toThrow("query parameter filter: it looks through too much for one request");
});

for (const [of, thing] of [
  ["lists", { Name: Array.from({ length: 1_000 }, (_, at) => String(at)) }],
  ["texts", { Name: "z".repeat(100_000) }],
] as const) {
  test(`looking through ${of} many times is given up`, () => {
    const filter = compileFilter(Array(200).fill('"zy" in Name').join(" or "));
    expect(filter(thing)).toBe(false);
    expect(() => {
      for (let count = 0; count < 1_000; count++) filter(thing);
    }).toThrow("query parameter filter: it looks through too much for one request");
  });
}
