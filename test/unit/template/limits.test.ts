import { expect, test } from "bun:test";
import {
  MAX_TEMPLATE_DEPTH,
  MAX_TEMPLATE_PROBLEMS,
  MAX_TEMPLATE_STEPS,
  MAX_TEMPLATE_TEXT,
  MAX_TEMPLATE_WORDS,
} from "../../../src/template/limits.ts";
import { createRenderer, type Rendered } from "../../../src/template/template.ts";

const LONG = "x".repeat(1_000_000);
/** Of a map of 2,000 keys, and of a list of as many texts. */
const KEYS = Array.from({ length: 2_000 }, (_, at) => `k${at}:v`).join(",");

const rendered = (text: string): Rendered =>
  createRenderer({ LONG, KEYS })({ text, left: "{{", right: "}}", errorOnMissingKey: false });

const messagesOf = (result: Rendered): string[] => (result.ok ? [] : result.problems.map(({ message }) => message));

const nested = (depth: number): string => `${"{{ if 1 }}".repeat(depth)}x${"{{ end }}".repeat(depth)}`;

const STEPS = `it takes more than ${MAX_TEMPLATE_STEPS} steps`;
const TEXT = `it makes more than ${MAX_TEMPLATE_TEXT} characters of text`;

const EXCESSES: readonly (readonly [what: string, text: string, message: string])[] = [
  ["a loop without an end", "{{ range loop 1000000000000 }}{{ end }}", STEPS],
  ["loops in loops", "{{ range loop 10000 }}{{ range loop 10000 }}{{ end }}{{ end }}", STEPS],
  [
    "a look at a long text, again and again",
    '{{ $x := env "LONG" }}{{ range loop 1000 }}{{ if lt $x $x }}{{ end }}{{ end }}',
    `lt: ${STEPS}`,
  ],
  [
    "a search in it",
    '{{ range loop 1000 }}{{ if regexMatch "(a|xx)*y" (env "LONG") }}{{ end }}{{ end }}',
    `regexMatch: ${STEPS}`,
  ],
  ["its characters as a list", '{{ len (split "" (env "LONG")) }}{{ len (split "" (env "LONG")) }}', `split: ${STEPS}`],
  [
    "a map that is put in order again and again",
    '{{ $m := splitToMap "," ":" (env "KEYS") }}{{ range loop 1000 }}{{ range $m }}{{ break }}{{ end }}{{ end }}',
    STEPS,
  ],
  ["many values of one function", `{{ range loop 1000 }}{{ or ${"0 ".repeat(2_000)}}}{{ end }}`, `or: ${STEPS}`],
  ["many names behind a value", `{{ range loop 10000 }}{{ $y := $${".a".repeat(10_000)} }}{{ end }}`, STEPS],
  [
    "a variable far behind many others",
    `{{ $x := 1 }}${"{{ $y := 1 }}".repeat(10_000)}{{ range loop 10000 }}{{ if $x }}{{ end }}{{ end }}`,
    STEPS,
  ],
  [
    "a character of a long text in a list",
    '{{ $x := split "," (env "LONG") }}{{ range loop 100 }}{{ if index $x 0 0 }}{{ end }}{{ end }}',
    `index: ${STEPS}`,
  ],
  [
    "a slice of a long list",
    '{{ $x := split "," (env "KEYS") }}{{ range loop 50000 }}{{ if slice $x 1 }}{{ end }}{{ end }}',
    `slice: ${STEPS}`,
  ],
  ["a text that doubles", `{{ $x := env "LONG" }}${"{{ $x = print $x $x }}".repeat(40)}`, `print: ${TEXT}`],
  ["an indentation without an end", '{{ indent 1000000000000 "a" }}', `indent: ${TEXT}`],
  ["a replacement that grows", '{{ replaceAll "x" (env "LONG") (env "LONG") }}', `replaceAll: ${STEPS}`],
  ["one of few places", '{{ replaceAll "," (env "LONG") ",,,,,,,,,,,,,,,,,,,," }}', `replaceAll: ${TEXT}`],
  ["more output than a file is long", '{{ range loop 100 }}{{ env "LONG" }}{{ end }}', TEXT],
  ["a width without an end", '{{ printf "%1000000000d" 1 }}', "printf: a number in the format is above 4096"],
  [
    "blocks in blocks",
    nested(MAX_TEMPLATE_DEPTH + 1),
    `blocks stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`,
  ],
  [
    "more of them than there is stack",
    nested(100_000),
    `blocks stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`,
  ],
  [
    "parentheses in parentheses",
    `{{ ${"(".repeat(100_000)} }}`,
    `parentheses stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`,
  ],
  [
    "a chain of conditions",
    `{{ if 0 }}${"{{ else if 0 }}".repeat(100_000)}{{ end }}`,
    `blocks stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`,
  ],
  [
    "JSON in JSON",
    `{{ parseJSON \`${"[".repeat(100_000)}${"]".repeat(100_000)}\` }}`,
    `parseJSON: its values stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`,
  ],
  ["JSON that is open", `{{ parseJSON \`${"[".repeat(1_000_000)}\` }}`, "parseJSON: value 1 must be JSON"],
  [
    "words without an end",
    "{{ 1 }}".repeat(MAX_TEMPLATE_WORDS + 1),
    `its actions have more than ${MAX_TEMPLATE_WORDS} words`,
  ],
  ["a number of a million digits", `{{ ${"1".repeat(1_000_000)} }}`, "a number is too long"],
  ["a name of a million letters", `{{ ${"n".repeat(1_000_000)} }}`, `there is no function ${"n".repeat(40)}…`],
  ["one of the environment", '{{ mustEnv (env "LONG") }}', `mustEnv: the variable "${"x".repeat(40)}…" is empty`],
  [
    "a variable of a million letters",
    `{{ $${"n".repeat(1_000_000)} }}`,
    `nothing declares the variable $${"n".repeat(39)}…`,
  ],
];

test.each(EXCESSES)("%s is told", (_, text, message) => {
  expect(messagesOf(rendered(text))).toEqual([message]);
});

test("as deep as may be is rendered", () => {
  expect(rendered(nested(MAX_TEMPLATE_DEPTH))).toEqual({ ok: true, text: "x" });
});

test("a long text without actions is as it was, and so is a long run of space beside one", () => {
  const space = " ".repeat(1_000_000);
  expect(rendered(LONG)).toEqual({ ok: true, text: LONG });
  expect(rendered(`a${space}{{- 1 -}}${space}b`)).toEqual({ ok: true, text: "a1b" });
});

test("not more functions that are missing are told than anybody reads, and each once", () => {
  const names = Array.from({ length: 100 }, (_, at) => `{{ nothing${at} }}{{ nothing${at} }}`);
  expect(messagesOf(rendered(names.join("")))).toHaveLength(MAX_TEMPLATE_PROBLEMS);
});

test("the templates of one task share what they may do", () => {
  const render = createRenderer({});
  const loop = { text: "{{ range loop 400000 }}{{ end }}", left: "{{", right: "}}", errorOnMissingKey: false };
  expect([render(loop).ok, render(loop).ok, render(loop).ok]).toEqual([true, true, false]);
});
