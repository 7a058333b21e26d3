import { describe, expect, test } from "bun:test";
import {
  conditionHeaders,
  fits,
  restHeaders,
  totalOfRest,
  validatorOf,
  versionOf,
} from "../../../../src/artifact/source/version.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const SECOND_LATER = "Sun, 06 Nov 1994 08:49:38 GMT";
const etag = { validator: { kind: "etag", value: '"a"' }, total: 100 } as const;
const date = { validator: { kind: "date", value: DATE }, total: 100 } as const;

const proofs: [Record<string, string>, unknown][] = [
  [{ etag: '"a"' }, etag],
  [{ etag: '"a"', "last-modified": DATE, date: SECOND_LATER }, etag],
  [{ etag: 'W/"a"', "last-modified": DATE, date: SECOND_LATER }, date],
  [{ "last-modified": DATE, date: SECOND_LATER }, date],
  [{ "last-modified": DATE, date: DATE }, null],
  [{ "last-modified": DATE }, null],
  [{ "last-modified": "yesterday", date: DATE }, null],
  [{ etag: "a" }, null],
  [{ etag: '"a" "b"' }, null],
  [{ etag: '"a"', "accept-ranges": "None" }, null],
  [{}, null],
];
test.each(proofs)("a reply with %p proves %p", (headers, expected) => {
  expect(versionOf(new Headers(headers), 100)).toEqual(expected as never);
});

test("a proof that is too long to keep is none", () => {
  expect(versionOf(new Headers({ etag: `"${"x".repeat(1023)}"` }), 100)).toBeNull();
});

test("the rest is asked for with what was proved", () => {
  expect(restHeaders(etag, 40)).toEqual({ range: "bytes=40-", "if-range": '"a"' });
  expect(restHeaders(date, 40)).toEqual({ range: "bytes=40-", "if-range": DATE });
});

const rests: [Record<string, string>, number | undefined][] = [
  [{ "content-range": "bytes 40-99/100" }, 100],
  [{ "content-range": "bytes 40-49/100" }, 100],
  [{ "content-range": "bytes 40-99/*" }, 100],
  [{ "content-range": "bytes 40-99/100", etag: '"a"' }, 100],
  [{ "content-range": "bytes 40-99/100", etag: 'W/"a"' }, undefined],
  [{ "content-range": "bytes 40-99/100", etag: '"b"' }, undefined],
  [{ "content-range": "bytes 39-99/100" }, undefined],
  [{ "content-range": "bytes 40-39/100" }, undefined],
  [{ "content-range": "bytes 40-100/100" }, undefined],
  [{ "content-range": "bytes 40-99/101" }, undefined],
  [{ "content-range": "bytes */100" }, undefined],
  [{ "content-range": "bytes 40-99/1e2" }, undefined],
  [{ "content-range": `bytes 40-99/${"9".repeat(30)}` }, undefined],
  [{}, undefined],
];
test.each(rests)("a 206 with %p is about a file of %p bytes", (headers, total) => {
  expect(totalOfRest(new Headers(headers), etag, 40)).toBe(total as never);
});

test("without a size from anybody there is no proof", () => {
  const headers = new Headers({ "content-range": "bytes 40-99/*" });
  expect(totalOfRest(headers, { ...etag, total: null }, 40)).toBeUndefined();
  expect(totalOfRest(new Headers({ "content-range": "bytes 40-99/100" }), { ...etag, total: null }, 40)).toBe(100);
});

test("a 206 with another date is of another file", () => {
  const range = { "content-range": "bytes 40-99/100" };
  expect(totalOfRest(new Headers({ ...range, "last-modified": SECOND_LATER }), date, 40)).toBeUndefined();
  expect(totalOfRest(new Headers({ ...range, "last-modified": DATE }), date, 40)).toBe(100);
});

describe("what a server can be asked later", () => {
  test("is whether its file has changed, also when it serves no ranges", () => {
    const headers = new Headers({ etag: '"a"', "accept-ranges": "none" });
    expect(versionOf(headers, 1)).toBeNull();
    const validator = validatorOf(headers);
    expect(validator).toEqual({ kind: "etag", value: '"a"' });
    expect(validator === null ? {} : conditionHeaders(validator)).toEqual({ "if-none-match": '"a"' });
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    expect(conditionHeaders({ kind: "date", value: date })).toEqual({ "if-modified-since": date });
  });

  test("and its answer is believed unless it names another version", () => {
    const known = { kind: "etag", value: '"a"' } as const;
    expect(fits(new Headers(), known)).toBe(true);
    expect(fits(new Headers({ etag: '"a"' }), known)).toBe(true);
    expect(fits(new Headers({ etag: '"b"' }), known)).toBe(false);
    expect(fits(new Headers({ "last-modified": "x" }), { kind: "date", value: "y" })).toBe(false);
  });
});
