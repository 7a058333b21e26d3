import { expect, test } from "bun:test";
import { paxValue, readPaxRecords } from "../../../../src/archive/tar/pax.ts";

const record = (text: string): string => `${text.length + 4} ${text}\n`;

test("a header of two million records keeps none of those that nobody reads", () => {
  expect(readPaxRecords(Buffer.from("4 =\n".repeat(2 << 20)))).toEqual([]);
});

test("nor more than the last of a key, but for those that a sparse map repeats", () => {
  const made = Array.from({ length: 1000 }, (_, i) => record(`GNU.sparse.x${i + 1000}=1`) + record("path=abcdef"));
  const map = record("GNU.sparse.offset=1") + record("GNU.sparse.numbytes=2");
  const records = readPaxRecords(Buffer.from(`${made.join("")}${record("path=the last")}${map}${map}`));
  expect(records.map(([key, value]) => `${key} ${value}`)).toEqual([
    "path the last",
    ...["GNU.sparse.offset 1", "GNU.sparse.numbytes 2"],
    ...["GNU.sparse.offset 1", "GNU.sparse.numbytes 2"],
  ]);
  expect(paxValue(records, "path")?.toString()).toBe("the last");
});
