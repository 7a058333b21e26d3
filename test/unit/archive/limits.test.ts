import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { DEFAULT_LIMITS, type Limits } from "../../../src/archive/limits.ts";
import { tarOf, zipOf } from "../../helpers/archives.ts";
import { refusal } from "../../helpers/refusal.ts";
import { tempDir } from "../../helpers/temp.ts";
import { unpackBytes } from "../../helpers/unpacking.ts";

async function refused(bytes: Uint8Array, word: string, limits: Partial<Limits>): Promise<string> {
  await using dir = tempDir();
  return (await refusal(unpackBytes(dir, bytes, word, limits))).message;
}

const zeros = Buffer.alloc(4 << 20);

test.each([
  ["gz", gzipSync(zeros)],
  ["zst", zstdCompressSync(zeros)],
  ["tar.gz", gzipSync(tarOf({ name: "z", body: zeros }))],
  ["zip", zipOf({ name: "z", body: zeros })],
])("a %s that becomes too many times its own size is refused before it is all there", async (word, bytes) => {
  const limits = { ratio: 100, ratioFrom: 1 << 20 };
  expect(await refused(bytes, word, limits)).toContain("become more than 100 times as much");
  await using dir = tempDir();
  expect(await unpackBytes(dir, bytes, word, { ratio: 100, ratioFrom: 5 << 20 })).toMatchObject({
    bytes: zeros.length,
  });
});

test("gzip's best ratio is above the limit, and below a gibibyte nobody minds", () => {
  expect(zeros.length / gzipSync(zeros).length).toBeGreaterThan(DEFAULT_LIMITS.ratio);
  expect(DEFAULT_LIMITS.ratioFrom).toBe(2 ** 30);
});

test("more bytes than the limit are refused", async () => {
  expect(await refused(gzipSync(zeros), "gz", { bytes: 1 << 20 })).toContain("more than 1 MiB come out of it");
  expect(await refused(zipOf({ name: "z", body: zeros }), "zip", { bytes: 1 << 20 })).toContain("more than 1 MiB");
});

test("files that are longer than the limit are refused before they are made", async () => {
  const tar = tarOf({ name: "a", body: "x".repeat(600) }, { name: "b", body: "x".repeat(600) });
  expect(await refused(tar, "tar", { length: 1000 })).toContain("its files are longer than 1000 B");
  expect(await refused(gzipSync(zeros), "gz", { length: 1000 })).toContain("its files are longer than 1000 B");
});

test("more entries than the limit are refused, those too that only a name implies", async () => {
  const files = Array.from({ length: 4 }, (_, i) => ({ name: `f${i}` }));
  expect(await refused(tarOf(...files), "tar", { entries: 3 })).toContain("more than 3 entries");
  expect(await refused(zipOf(...files), "zip", { entries: 3 })).toContain("more than 3 entries");
  expect(await refused(tarOf({ name: "a/b/c/d" }), "tar", { entries: 3 })).toContain("more than 3 entries");
  await using dir = tempDir();
  expect(await unpackBytes(dir, tarOf(...files), "tar", { entries: 4 })).toMatchObject({ files: 4 });
});
