import { expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { makeCache } from "../../../src/cache/remove.ts";
import { readSource, removeSource, type SourceRecord, writeSource } from "../../../src/cache/source.ts";
import { cacheSource } from "../../../src/paths.ts";
import { REQUEST, sha256 } from "../../helpers/cache.ts";
import { tempDir } from "../../helpers/temp.ts";

const RECORD: SourceRecord = {
  key: sha256(Buffer.from("body")),
  validator: { kind: "etag", value: '"one"' },
  source: "http://h/a",
  checkedAt: 42,
};

test("what a request led to is read back, replaced and removed", async () => {
  await using dir = tempDir();
  makeCache(dir.path);
  expect(readSource(dir.path, REQUEST)).toBeUndefined();
  writeSource(dir.path, REQUEST, { ...RECORD, checkedAt: 1 });
  writeSource(dir.path, REQUEST, RECORD);
  expect(readSource(dir.path, REQUEST)).toEqual(RECORD);
  expect(statSync(cacheSource(dir.path, REQUEST)).mode & 0o777).toBe(0o600);
  removeSource(dir.path, REQUEST);
  removeSource(dir.path, REQUEST);
  expect(readSource(dir.path, REQUEST)).toBeUndefined();
});

test("one may have led to a file that its server can tell from no other", async () => {
  await using dir = tempDir();
  makeCache(dir.path);
  writeSource(dir.path, REQUEST, { ...RECORD, validator: null });
  expect(readSource(dir.path, REQUEST)).toEqual({ ...RECORD, validator: null });
});

test.each(["", "{", "[]", '{"format":2}', JSON.stringify({ ...RECORD, format: 1, entry: "sha256:../../x" })])(
  "%p is no record",
  async (text) => {
    await using dir = tempDir();
    makeCache(dir.path);
    writeFileSync(cacheSource(dir.path, REQUEST), text);
    expect(readSource(dir.path, REQUEST)).toBeUndefined();
  },
);
