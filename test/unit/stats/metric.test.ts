import { expect, test } from "bun:test";
import { writeExposition } from "../../../src/stats/metric.ts";
import { parseExposition } from "../../helpers/exposition.ts";

const hostile = 'a"b\\c\nd} 1\n# TYPE x counter';

test("names, labels and values come back from the text as they were", () => {
  const text = writeExposition([
    {
      name: "nomad.client.allocs.memory.rss",
      kind: "gauge",
      help: "two\nlines \\ of it",
      points: [
        { labels: { job: hostile, task: "" }, value: 1e21 },
        { labels: { job: "ü,{}=", task: "" }, value: 0.125 },
      ],
    },
    { name: "paddock.none", kind: "counter", help: "nothing", points: [] },
    { name: "paddock.machine_restarts_total", kind: "counter", help: "once", points: [{ labels: {}, value: 3 }] },
  ]);
  const { types, samples } = parseExposition(text);
  expect(Object.fromEntries(types)).toEqual({
    nomad_client_allocs_memory_rss: "gauge",
    paddock_machine_restarts_total: "counter",
  });
  expect(samples).toEqual([
    { name: "nomad_client_allocs_memory_rss", labels: { job: hostile, task: "" }, value: 1e21 },
    { name: "nomad_client_allocs_memory_rss", labels: { job: "ü,{}=", task: "" }, value: 0.125 },
    { name: "paddock_machine_restarts_total", labels: {}, value: 3 },
  ]);
});

for (const [what, text] of [
  ["a sample without a type", "x 1\n"],
  ["a type that is told twice", "# TYPE x gauge\n# TYPE x gauge\n"],
  ["a sample that is told twice", '# TYPE x gauge\nx{a="1"} 1\nx{a="1"} 2\n'],
  ["a metric in two places", "# TYPE x gauge\n# TYPE y gauge\ny 1\nx 1\ny 2\n"],
  ["a label that is not escaped", '# TYPE x gauge\nx{a="b"c"} 1\n'],
  ["a line that does not end", "# TYPE x gauge\nx 1"],
] as const) {
  test(`the reader of these tests refuses ${what}`, () => {
    expect(() => parseExposition(text)).toThrow();
  });
}
