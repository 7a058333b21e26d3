import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { unpackXz } from "../../../../src/archive/xz/xz.ts";
import { PLAIN, XZ_SHA256 } from "../../../helpers/packed.ts";
import { refusal } from "../../../helpers/refusal.ts";
import { tempDir } from "../../../helpers/temp.ts";
import { unpackBytes } from "../../../helpers/unpacking.ts";
import { until } from "../../../helpers/until.ts";
import { storedLzma2, type XzBlock, type XzStream, xzOf, xzStream } from "../../../helpers/xz.ts";

async function unpacked(bytes: Uint8Array): Promise<Buffer> {
  await using dir = tempDir();
  await unpackBytes(dir, bytes, "xz");
  return readFileSync(dir.file("out", "content"));
}

async function refused(bytes: Uint8Array): Promise<string> {
  await using dir = tempDir();
  return (await refusal(unpackBytes(dir, bytes, "xz"))).message;
}

const BODY = Buffer.from("a disk of 41 bytes and not one byte more\n");
const GOOD: XzBlock = { data: storedLzma2(BODY), body: BODY };
const EMPTY: XzBlock = { data: Buffer.of(0), body: Buffer.alloc(0) };

describe("checks", () => {
  test.each([0, 1, 4, 10])("of kind %i prove the content", async (kind) => {
    expect((await unpacked(xzStream({ kind, blocks: [GOOD, EMPTY, GOOD] }))).equals(Buffer.concat([BODY, BODY]))).toBe(
      true,
    );
  });

  test.each([1, 4, 10])("of kind %i that are wrong are an error", async (kind) => {
    const lengths: Readonly<Record<number, number>> = { 1: 4, 4: 8, 10: 32 };
    const block = { ...GOOD, check: Buffer.alloc(lengths[kind] ?? 0, 7) };
    expect(await refused(xzStream({ kind, blocks: [GOOD, block] }))).toContain("damaged (the checksum of a block)");
  });

  test("as xz itself writes SHA-256", async () => {
    expect((await unpacked(XZ_SHA256)).equals(PLAIN.subarray(0, 1000))).toBe(true);
  });

  test("of a kind that nobody knows cannot be proved, and are refused by their number", async () => {
    const message = "the xz file has a check of kind 2: expected none, CRC-32, CRC-64 or SHA-256";
    expect(await refused(xzStream({ kind: 2, blocks: [GOOD] }))).toBe(message);
  });

  test("of CRC-64 are right for every length and place", async () => {
    const blocks = Array.from({ length: 70 }, (_, at) => PLAIN.subarray(at, at * 2 + 1));
    const stream = xzStream({ kind: 4, blocks: blocks.map((body) => ({ data: storedLzma2(body), body })) });
    expect((await unpacked(stream)).equals(Buffer.concat(blocks))).toBe(true);
  });
});

describe("streams", () => {
  const one = xzOf(BODY);

  test("follow one another, with zeros in fours between and behind them", async () => {
    const file = Buffer.concat([one, Buffer.alloc(8), one, one, Buffer.alloc(1 << 20)]);
    expect((await unpacked(file)).equals(Buffer.concat([BODY, BODY, BODY]))).toBe(true);
  });

  test("without a block are an empty file", async () => {
    expect((await unpacked(xzStream({ blocks: [] }))).length).toBe(0);
  });

  test.each([1, 2, 3, 5])("with %i zeros behind them have other bytes there", async (count) => {
    expect(await refused(Buffer.concat([one, Buffer.alloc(count)]))).toContain("other bytes behind its end");
  });

  test("do not begin with zeros", async () => {
    expect(await refused(Buffer.concat([Buffer.alloc(4), one]))).toContain("found something else");
  });

  test("cut off anywhere end too early", async () => {
    const file = xzStream({ kind: 10, blocks: [GOOD, { ...GOOD, packed: GOOD.data.length, unpacked: 41 }] });
    for (let length = 0; length < file.length; length++) {
      expect({ length, message: await refused(file.subarray(0, length)) }).toEqual({
        length,
        message: expect.stringContaining("ends too early"),
      });
    }
  });

  test("with one wrong bit anywhere are never taken for the file", async () => {
    const file = xzStream({ kind: 4, blocks: [GOOD] });
    for (let bit = 0; bit < file.length * 8; bit++) {
      const bytes = Buffer.from(file);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect({ bit, message: await refused(bytes) }).toEqual({ bit, message: expect.stringContaining("xz") });
    }
  });
});

/** Of one block with an index of one record: 12 bytes of header, 12 of the block's, 45 of data with their padding, 4 of its check. */
const PACKED = 12 + GOOD.data.length + 4;

/** A byte 0, which takes 6 bytes, in a chunk of more. */
const byteInChunk = (length: number) =>
  Buffer.concat([Buffer.of(0xe0, 0, 0, 0, length - 1, 93), Buffer.alloc(length + 1)]);

test("a chunk of one byte is that byte", async () => {
  const body = Buffer.of(0);
  expect(await unpacked(xzStream({ blocks: [{ body, data: byteInChunk(6) }] }))).toEqual(body);
});

type Wrong = readonly [stream: XzStream, message: string];
const WRONG: Readonly<Record<string, Wrong>> = {
  "an index with more blocks": [
    {
      blocks: [GOOD],
      records: [
        [PACKED, 41],
        [PACKED, 41],
      ],
    },
    "the number of blocks",
  ],
  "an index with fewer blocks": [{ blocks: [GOOD], records: [] }, "the number of blocks"],
  "an index with another length of what comes out": [
    { blocks: [GOOD], records: [[PACKED, 42]] },
    "the lengths of blocks",
  ],
  "an index with another length of what is packed": [
    { blocks: [GOOD], records: [[PACKED + 1, 41]] },
    "the lengths of blocks",
  ],
  "another footer": [{ blocks: [GOOD], footerKind: 4 }, "the end of a stream is that of another"],
  "a footer for a longer index": [{ blocks: [GOOD], backward: 7 }, "the end of a stream is that of another"],
  "a block that says it is shorter": [{ blocks: [{ ...GOOD, unpacked: 40 }] }, "the lengths of a block"],
  "a block that says it is packed into more": [{ blocks: [{ ...GOOD, packed: 99 }] }, "the lengths of a block"],
  "a block with reserved flags": [{ blocks: [{ ...GOOD, flags: 4 }] }, "a block of a kind that is not known"],
  "a stream with reserved flags": [{ blocks: [GOOD], kind: 0x11 }, "a stream of a kind that is not known"],
  "a dictionary of 96 MiB": [{ blocks: [{ ...GOOD, filters: [[0x21, 1, 29]] }] }, "a dictionary of more than 64 MiB"],
  "a dictionary of 4 GiB": [{ blocks: [{ ...GOOD, filters: [[0x21, 1, 40]] }] }, "a dictionary of more than 64 MiB"],
  "a dictionary beyond that": [{ blocks: [{ ...GOOD, filters: [[0x21, 1, 41]] }] }, "the properties of a filter"],
  "LZMA2 without properties": [{ blocks: [{ ...GOOD, filters: [[0x21, 0]] }] }, "the properties of a filter"],
  "properties longer than the header": [{ blocks: [{ ...GOOD, filters: [[0x21, 90, 8]] }] }, "a block's header"],
  "something behind the filters": [{ blocks: [{ ...GOOD, filters: [[0x21, 1, 8, 7]] }] }, "a block's header"],
  "a number that is longer than it need be": [{ blocks: [{ ...GOOD, filters: [[0xa1, 0, 1, 8]] }] }, "a number"],
  "something in the rest of its index": [{ blocks: [], filling: 1 }, "the index"],
  "no LZMA2 at its end": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [0x21, 1, 8],
            [3, 1, 0],
          ],
        },
      ],
    },
    "has a filter of number 33",
  ],
  "a filter for IA-64": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [6, 0],
            [0x21, 1, 8],
          ],
        },
      ],
    },
    "has a filter for IA-64: expected LZMA2",
  ],
  "a filter that nobody knows": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [0x40, 0],
            [0x21, 1, 8],
          ],
        },
      ],
    },
    "has a filter of number 64",
  ],
  "a filter that begins within an instruction": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [7, 4, 2, 0, 0, 0],
            [0x21, 1, 8],
          ],
        },
      ],
    },
    "the properties of a filter",
  ],
  "a beginning of code in two bytes": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [4, 2, 0, 0],
            [0x21, 1, 8],
          ],
        },
      ],
    },
    "the properties of a filter",
  ],
  "a delta of no distance": [
    {
      blocks: [
        {
          ...GOOD,
          filters: [
            [3, 0],
            [0x21, 1, 8],
          ],
        },
      ],
    },
    "the properties of a filter",
  ],
  "a first chunk that has a past": [{ blocks: [{ ...GOOD, data: Buffer.of(2, 0, 0, 1, 0) }] }, "the kind of a chunk"],
  "a second block that has a past": [
    { blocks: [GOOD, { ...GOOD, data: Buffer.of(2, 0, 0, 1, 0) }] },
    "the kind of a chunk",
  ],
  "a chunk of more than it needs": [{ blocks: [{ body: Buffer.of(0), data: byteInChunk(7) }] }, "the end of a chunk"],
  "a chunk of no kind": [{ blocks: [{ ...GOOD, data: Buffer.of(3, 0, 0, 1, 0) }] }, "the kind of a chunk"],
  "a first chunk without properties": [
    { blocks: [{ ...GOOD, data: Buffer.of(1, 0, 0, 1, 0x80, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0) }] },
    "a chunk without properties",
  ],
  "a chunk of impossible properties": [
    { blocks: [{ ...GOOD, data: Buffer.of(0xe0, 0, 0, 0, 4, 225, 0, 0, 0, 0, 0, 0) }] },
    "the properties of a chunk",
  ],
  "a chunk with too large a context": [
    { blocks: [{ ...GOOD, data: Buffer.of(0xe0, 0, 0, 0, 4, 4 + 9, 0, 0, 0, 0, 0, 0) }] },
    "the properties of a chunk",
  ],
  "a chunk that does not begin with zero": [
    { blocks: [{ ...GOOD, data: Buffer.of(0xe0, 0, 0, 0, 4, 93, 1, 0, 0, 0, 0, 0) }] },
    "the beginning of a chunk",
  ],
  "a match before anything came out": [
    { blocks: [{ ...GOOD, data: Buffer.of(0xe0, 0, 9, 0, 4, 93, 0, 0xff, 0xff, 0xff, 0xfe, 0) }] },
    "a distance",
  ],
  "a chunk of 2 MiB in 5 bytes": [
    { blocks: [{ ...GOOD, data: Buffer.of(0xff, 0xff, 0xff, 0, 4, 93, 0, 0, 0, 0, 1, 0) }] },
    "a chunk that ends too early",
  ],
};

test.each(Object.entries(WRONG))("a file with %s is refused", async (_, [stream, message]) => {
  expect(await refused(xzStream(stream))).toContain(message);
});

test("chunks of one byte come out together", async () => {
  await using dir = tempDir();
  const body = PLAIN.subarray(0, 100_000);
  const chunks = Array.from(body, (byte, at) => Buffer.of(at % 50_000 === 0 ? 1 : 2, 0, 0, byte));
  const file = xzStream({ blocks: [{ data: Buffer.concat([...chunks, Buffer.of(0)]), body }] });
  writeFileSync(dir.file("packed"), file);
  await using handle = await open(dir.file("packed"));
  const pieces: Buffer[] = [];
  for await (const piece of unpackXz({ handle, size: file.length, signal: new AbortController().signal })) {
    pieces.push(Buffer.from(piece));
  }
  expect(pieces.map(({ length }) => length)).toEqual([50_000, 50_000]);
  expect(Buffer.concat(pieces).equals(body)).toBe(true);
});

test("zeros that are read at once let a cancellation in", async () => {
  await using dir = tempDir();
  const zeros = Buffer.alloc(64 << 20);
  const aborted = new AbortController();
  const reason = new Error("cancelled");
  const unpacking = unpackBytes(
    dir,
    xzStream({ kind: 0, blocks: [{ data: storedLzma2(zeros), body: zeros }] }),
    "xz",
    {},
    aborted.signal,
  );
  const ended = unpacking.catch((error: unknown) => error);
  await until("the first bytes", () => existsSync(dir.file("out", "content")), { every: 1 });
  aborted.abort(reason);
  expect(await ended).toBe(reason);
});
