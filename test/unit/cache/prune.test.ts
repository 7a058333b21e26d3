import { expect, test } from "bun:test";
import type { CatalogEntry } from "../../../src/cache/catalog.ts";
import { choosePruned } from "../../../src/cache/prune.ts";
import type { SetAside } from "../../../src/cache/remove.ts";

const DAY = 86_400_000;
const NOW = 100 * DAY;

function entry(hex: string, { age = 0, bytes = 0, pins = 0 }): CatalogEntry {
  const key = { type: "sha256", hex, request: null } as const;
  const files = { dir: "", content: "", unpacked: "", record: "" };
  const record = { bytes, mtime: 0, source: "", fetchedAt: 0, unpacked: null };
  const file = { dev: 1, ino: 1 };
  const sound = { key, files, record, usedAt: NOW - age * DAY, content: file, unpacked: null, pins, allocated: bytes };
  return { key, found: { kind: "there", entry: sound }, usedBy: [] };
}

const damaged: CatalogEntry = {
  key: { type: "sha256", hex: "d", request: null },
  found: { kind: "damaged", why: "its content is gone" },
  usedBy: [],
};

const away = (name: string, { age = 0, bytes = 0 }): SetAside => ({
  path: "",
  name,
  since: NOW - age * DAY,
  allocated: bytes,
});

function chosen(
  entries: readonly CatalogEntry[],
  { maxAge, maxBytes }: { maxAge?: number; maxBytes?: number },
  setAside: readonly SetAside[] = [],
): string[] {
  const rule = { maxAge: maxAge === undefined ? null : maxAge * DAY, maxBytes: maxBytes ?? null };
  const gone = choosePruned({ entries, setAside }, rule, NOW);
  return [...gone.setAside.map(({ name }) => name), ...gone.entries.map((one) => `${one.entry.key.hex} ${one.reason}`)];
}

test("what was not used for as long as the limit goes, oldest use first", () => {
  const entries = [entry("a", { age: 3 }), entry("b", { age: 9 }), entry("c", { age: 2 })];
  expect(chosen(entries, { maxAge: 3 })).toEqual(["b age", "a age"]);
});

test("what is in use never goes, and counts for the size", () => {
  const entries = [entry("a", { age: 9, bytes: 10, pins: 1 }), entry("b", { age: 1, bytes: 1 })];
  expect(chosen(entries, { maxAge: 0 })).toEqual(["b age"]);
  expect(chosen(entries, { maxBytes: 10 })).toEqual(["b size"]);
  expect(chosen(entries, { maxBytes: 11 })).toEqual([]);
});

test("by size no more goes than has to, the longest unused first", () => {
  const entries = [
    entry("a", { age: 1, bytes: 5 }),
    entry("b", { age: 3, bytes: 5 }),
    entry("c", { age: 2, bytes: 5 }),
  ];
  expect(chosen(entries, { maxBytes: 10 })).toEqual(["b size"]);
  expect(chosen(entries, { maxBytes: 0 })).toEqual(["b size", "c size", "a size"]);
});

test("what goes by its age makes the room that the size asks for", () => {
  const entries = [entry("a", { age: 9, bytes: 5 }), entry("b", { age: 1, bytes: 5 })];
  expect(chosen(entries, { maxAge: 5, maxBytes: 5 })).toEqual(["a age"]);
});

test("what is damaged goes by every rule", () => {
  expect(chosen([damaged, entry("a", {})], { maxAge: 5 })).toEqual(["d damaged"]);
});

test("without a limit nothing goes, whatever it is", () => {
  expect(chosen([damaged, entry("a", { age: 9 })], {}, [away("old", { age: 9 })])).toEqual([]);
});

test("what was set aside goes by its age, counts for the size, and goes by it before the others", () => {
  const all = [away("new", { bytes: 5 }), away("old", { age: 9, bytes: 5 })];
  expect(chosen([], { maxAge: 5 }, all)).toEqual(["old"]);
  const used = [entry("a", { age: 20, bytes: 5 })];
  expect(chosen(used, { maxBytes: 15 }, all)).toEqual([]);
  expect(chosen(used, { maxBytes: 10 }, all)).toEqual(["old"]);
  expect(chosen(used, { maxBytes: 0 }, all)).toEqual(["old", "new", "a size"]);
});
