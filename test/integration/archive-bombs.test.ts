import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { listEntries } from "../../src/cache/entry.ts";
import { GNU_MAGIC, octal, pax, TAR_END, type TarEntry, tarEntry, tarOf, zipOf } from "../helpers/archives.ts";
import { artifactBench } from "../helpers/artifact.ts";
import { checksumOf } from "../helpers/hash.ts";
import { peakGrowth } from "../helpers/memory.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { listing, unpackBytes } from "../helpers/unpacking.ts";

setDefaultTimeout(60_000);

const MIB = 2 ** 20;
const ZEROS = Buffer.alloc(32 * MIB);
/** What would come out of those with zeros is 320 MiB; the limits are the default ones, but that the ratio counts sooner. */
const TIMES = 10;
const SOONER = { ratioFrom: 256 * MIB, entries: 5000 };

/** Less than has come out when they are refused. The readers take 20 to 100 MiB, by when the collector runs. */
const ENOUGH = 240 * MIB;

const here = artifactBench();

const many = (count: number, packed: Uint8Array): Buffer => Buffer.alloc(count * packed.length, packed);
const field = (offset: number, length: number): string => `${octal(offset, 11)}\0${octal(length, 11)}\0`;

/** Zeros as a program packs them, so many times one behind the other. */
async function packedBy(program: string): Promise<Buffer> {
  await using dir = tempDir();
  await Bun.write(dir.file("zeros"), ZEROS);
  const { code } = await runProgram([program, "-q", dir.file("zeros")]);
  expect(code).toBe(0);
  const [name = ""] = readdirSync(dir.path);
  return many(TIMES, await Bun.file(dir.file(name)).bytes());
}

/** One sparse file of GNU's old format with a stretch in every second sector. */
function mapOf(count: number): Buffer {
  const block = Buffer.alloc(512);
  for (let at = 0; at < 21; at++) block.write(field(0, 0), at * 24, "latin1");
  block[504] = 1;
  const head: TarEntry = { name: "d", type: "S", magic: GNU_MAGIC, raw: { 386: field(0, 0), 482: "\u0001" } };
  return Buffer.concat([tarEntry(head), many(Math.ceil(count / 21), block)]);
}

const RATIO = "become more than 500 times as much";
type Bomb = readonly [word: string, make: () => Buffer | Promise<Buffer>, message: string];
const BOMBS: Readonly<Record<string, Bomb>> = {
  "zeros in gz": ["gz", () => many(TIMES, gzipSync(ZEROS)), RATIO],
  "zeros in zst": ["zst", () => many(TIMES, zstdCompressSync(ZEROS)), RATIO],
  "zeros in bz2": ["bz2", () => packedBy("bzip2"), RATIO],
  "zeros in xz": ["xz", () => packedBy("xz"), RATIO],
  "zeros in a tar in gz": [
    "tar.gz",
    () => gzipSync(Buffer.concat([tarEntry({ name: "z", size: TIMES * ZEROS.length }), many(TIMES, ZEROS)])),
    RATIO,
  ],
  "zeros in a zip": ["zip", () => zipOf({ name: "z", body: many(TIMES, ZEROS) }), RATIO],
  "a zip within itself": [
    "zip",
    () => {
      const files = Array.from({ length: 4500 }, (_, at) => ({ name: `f${at}`, central: { offset: 0, size: MIB } }));
      return zipOf({ name: "f", body: ZEROS }, ...files);
    },
    "overlaps",
  ],
  "300,000 files in a tar": ["tar.gz", () => gzipSync(many(300_000, tarEntry({ name: "same" }))), "has it twice"],
  "thousands of directories by each name": [
    "tar.gz",
    () => {
      const names = Array.from({ length: 200 }, (_, at) => tarEntry({ name: `${at}/${"d/".repeat(80)}f` }));
      return gzipSync(Buffer.concat([...names, TAR_END]));
    },
    "more than 5000 entries",
  ],
  "a directory of a zip that says 4,900 entries and has one": [
    "zip",
    () => {
      const zip = zipOf({ name: "a" });
      zip.writeUInt16LE(4900, zip.length - 12);
      return zip;
    },
    "directory",
  ],
  "a million records of pax": [
    "tar.gz",
    () => gzipSync(tarOf({ name: "p", type: "x", body: `${"4 =\n".repeat(MIB)}9 path=a\n` }, { name: "b", type: "6" })),
    "found a FIFO",
  ],
  "150,000 stretches of a sparse map of pax": [
    "tar.gz",
    () => {
      const pairs = Array.from({ length: 150_000 }, (_, at): [string, string][] => [
        ["GNU.sparse.offset", String(at % 2)],
        ["GNU.sparse.numbytes", "0"],
      ]);
      return gzipSync(tarOf(pax([["GNU.sparse.size", "1"], ...pairs.flat()]), { name: "f", body: "xx" }));
    },
    "its stretches overlap",
  ],
  "two million stretches of a sparse map": ["tar.gz", () => gzipSync(mapOf(2 * MIB)), "more than 1048576 stretches"],
  "long names of eight megabytes": [
    "tar.gz",
    () => {
      const long = tarEntry({ name: "l", type: "L", body: Buffer.alloc(8 * MIB, "x"), magic: GNU_MAGIC });
      const packed = gzipSync(long);
      return Buffer.concat([many(24, packed), gzipSync(Buffer.concat([tarEntry({ name: "f" }), TAR_END]))]);
    },
    "longer than 4095 bytes",
  ],
  "a file of eight exabytes without a byte": [
    "tar.gz",
    () =>
      gzipSync(
        tarOf(
          pax([
            ["GNU.sparse.size", String(2 ** 53 - 1)],
            ["GNU.sparse.map", "0,0"],
          ]),
          { name: "f" },
        ),
      ),
    "its files are longer than 16 TiB",
  ],
};

describe("little memory is enough to refuse", () => {
  test.each(Object.entries(BOMBS))("%s", async (_, [word, make, message]) => {
    await using dir = tempDir();
    const bytes = await make();
    let told = "";
    const grown = await peakGrowth(async () => {
      told = (await refusal(unpackBytes(dir, bytes, word, SOONER))).message;
    });
    expect(told).toContain(message);
    expect(grown).toBeLessThan(ENOUGH);
  });

  test("a gibibyte of zeros in a megabyte of gz by the limits that jobs have, and nothing of it is left", async () => {
    here.origin.set("/bomb.img.gz", { kind: "bytes", body: many(34, gzipSync(ZEROS)) });
    const grown = await peakGrowth(async () => {
      await here.expectFailure(here.getByWorker(here.origin.url("/bomb.img.gz")), RATIO);
    });
    expect(grown).toBeLessThan(ENOUGH);
    // What was fetched stays as it was; it was what its server has.
    expect(listing(here.cache).filter((name) => /unpacked|parts\//.test(name))).toEqual([]);
  });

  test.each([
    ["bomb.img.gz", () => gzipSync(Buffer.alloc(64)).subarray(0, 20), "ends too early"],
    ["bomb.tar", () => tarOf({ name: "a", type: "3" }), "a character device"],
  ] as const)("%s is kept, with why it was refused, and the next try fetches nothing", async (name, make, why) => {
    const body = make();
    here.origin.set(`/${name}`, { kind: "bytes", body });
    const get = (checksum: string) => here.getByWorker(here.origin.url(`/${name}`), { checksum });
    for (let tries = 0; tries < 2; tries++) await here.expectFailure(get(checksumOf(body)), why);
    expect(here.origin.requests).toHaveLength(1);
    expect(listEntries(here.cache)).toMatchObject([
      { found: { kind: "there", entry: { record: { refused: expect.stringContaining(why) } } } },
    ]);
  });

  test("what did not unpack as something else, and does by now, is refused no more", async () => {
    const body = tarOf({ name: "a", body: "x" });
    here.origin.set("/a.bin", { kind: "bytes", body });
    const get = (archive: string) =>
      here.getByWorker(here.origin.url("/a.bin"), { options: { archive, checksum: checksumOf(body) } });
    await here.expectFailure(get("zip"), "zip");
    await get("tar");
    const [entry] = listEntries(here.cache);
    expect(entry).toMatchObject({ found: { kind: "there" } });
    expect(JSON.stringify(entry)).not.toContain("refused");
  });
});
