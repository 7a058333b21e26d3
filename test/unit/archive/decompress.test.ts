import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress } from "../../../src/archive/decompress.ts";
import { errnoOf } from "../../../src/base/errors.ts";
import { zipOf } from "../../helpers/archives.ts";
import { PACKED, PLAIN } from "../../helpers/packed.ts";
import { refusal } from "../../helpers/refusal.ts";
import { tempDir } from "../../helpers/temp.ts";
import { unpackBytes } from "../../helpers/unpacking.ts";
import { until } from "../../helpers/until.ts";

const FORMATS = ["gz", "zst", "xz", "bz2"] as const;

async function unpacked(bytes: Uint8Array, word: string): Promise<Buffer> {
  await using dir = tempDir();
  await unpackBytes(dir, bytes, word);
  return readFileSync(dir.file("out", "content"));
}

async function refused(bytes: Uint8Array, word: string): Promise<string> {
  await using dir = tempDir();
  return (await refusal(unpackBytes(dir, bytes, word))).message;
}

test.each(FORMATS)("%s comes out as it went in", async (word) => {
  expect((await unpacked(PACKED[word], word)).equals(PLAIN)).toBe(true);
});

test.each(FORMATS)("all members of a %s file come out, one after the other", async (word) => {
  const twice = await unpacked(Buffer.concat([PACKED[word], PACKED[word]]), word);
  expect(twice.equals(Buffer.concat([PLAIN, PLAIN]))).toBe(true);
});

test.each(FORMATS)("%s that ends early is refused, wherever it ends", async (word) => {
  const packed = PACKED[word];
  for (const length of [0, 1, 5, 20, packed.length >> 1, packed.length - 5, packed.length - 1]) {
    const message = await refused(packed.subarray(0, length), word);
    expect({ length, message }).toEqual({ length, message: expect.stringContaining("ends too early") });
  }
});

test.each(FORMATS)("%s whose second member ends early is refused", async (word) => {
  const packed = PACKED[word];
  expect(await refused(Buffer.concat([packed, packed.subarray(0, -3)]), word)).toContain("ends too early");
});

test.each(FORMATS)("%s with other bytes behind its end is refused", async (word) => {
  const message = await refused(Buffer.concat([PACKED[word], Buffer.from("something else, long enough")]), word);
  expect(message).toMatch(/behind its end|is damaged|found something else/);
});

test.each(FORMATS)("one wrong bit anywhere in %s is never taken for the file", async (word) => {
  let caught = 0;
  for (let at = 10; at < PACKED[word].length; at += Math.ceil(PACKED[word].length / 40)) {
    const bytes = Buffer.from(PACKED[word]);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    const out = await unpacked(bytes, word).catch(() => undefined);
    // Not every bit of a header means something.
    if (out === undefined) caught++;
    else expect(out.equals(PLAIN)).toBe(true);
  }
  expect(caught).toBeGreaterThan(10);
});

test.each(FORMATS)("what is no %s is refused with a word on its name", async (word) => {
  await using dir = tempDir();
  const error = await refusal(unpackBytes(dir, Buffer.from("<html>not found</html>".repeat(10)), word));
  expect(error.message).toMatch(/found something else|is damaged/);
});

test("zst that wants a window above 128 MiB is refused before memory is taken", async () => {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3, 0x01, 0x00, 0x00]);
  expect(await refused(frame, "zst")).toContain("a window of more than 128 MiB");
});

test.each(FORMATS)("a cancelled unpacking of %s ends with the reason", async (word) => {
  await using dir = tempDir();
  const reason = new Error("no longer wanted");
  const promise = unpackBytes(dir, PACKED[word], word, {}, AbortSignal.abort(reason));
  expect(await promise.catch((error: unknown) => error)).toBe(reason);
});

/** 64 MiB of zeros as `bzip2` made it. */
const ZEROS_BZ2 =
  "QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZvAS1wwCidcAAwAAACCAAIKQINjKKiE0qKiE4u5IpwoSFALuD6A==";

const zeros = Buffer.alloc(64 << 20);

test.each([
  ["bz2", Buffer.from(ZEROS_BZ2, "base64")],
  ["gz", gzipSync(zeros)],
  ["zip", zipOf({ name: "content", body: zeros })],
])("a cancellation is heard while a %s that was read at once becomes a thousand times as much", async (word, bytes) => {
  await using dir = tempDir();
  const aborted = new AbortController();
  const reason = new Error("cancelled");
  const unpacking = unpackBytes(dir, bytes, word, {}, aborted.signal).catch((error: unknown) => error);
  await until("the first bytes", () => existsSync(dir.file("out", "content")), { every: 1 });
  aborted.abort(reason);
  expect(await unpacking).toBe(reason);
});

test("a hundred thousand empty streams of bz2 are one empty file, for the price of one", async () => {
  await using dir = tempDir();
  const empty = Buffer.from("425a683917724538509000000000", "hex");
  const streams = Buffer.alloc(100_000 * empty.length, empty);
  expect(await unpackBytes(dir, streams, "bz2")).toMatchObject({ files: 1, bytes: 0 });
});

test.each(["gz", "zst"] as const)("of %s one chunk at a time is in memory", async (word) => {
  await using dir = tempDir();
  const plain = Buffer.alloc(4 << 20, "the same again");
  const packed = word === "gz" ? gzipSync(plain) : zstdCompressSync(plain);
  writeFileSync(dir.file("packed"), packed);
  await using handle = await open(dir.file("packed"));
  const seen: Uint8Array[] = [];
  let bytes = 0;
  const file = { handle, size: packed.length, signal: new AbortController().signal };
  for await (const chunk of decompress(file, word)) {
    // Smaller than its buffer is only the last one.
    expect(seen.map(({ length }) => length)).toEqual(seen.map(() => 0));
    bytes += chunk.length;
    if (chunk.byteLength === chunk.buffer.byteLength) seen.push(chunk);
  }
  expect(seen.length).toBeGreaterThan(4);
  expect(bytes).toBe(plain.length);
});

test.each(FORMATS)("of %s a disk that fails is told as that, and not as a damaged file", async (word) => {
  await using dir = tempDir();
  writeFileSync(dir.file("packed"), PACKED[word]);
  const handle = await open(dir.file("packed"));
  await handle.close();
  const file = { handle, size: PACKED[word].length, signal: new AbortController().signal };
  const error = await Array.fromAsync(decompress(file, word)).catch((reason: unknown) => reason);
  expect(errnoOf(error)).toBe("EBADF");
});
