import { describe, expect, test } from "bun:test";
import { lstatSync, readFileSync } from "node:fs";
import { GNU_MAGIC, octal, pax, type TarEntry, tarOf } from "../../../helpers/archives.ts";
import { refusal } from "../../../helpers/refusal.ts";
import { tempDir } from "../../../helpers/temp.ts";
import { unpackBytes } from "../../../helpers/unpacking.ts";

const MIB = 2 ** 20;

async function refused(archive: Uint8Array): Promise<string> {
  await using dir = tempDir();
  return (await refusal(unpackBytes(dir, archive, "tar"))).message;
}

describe("sparse files keep their holes", () => {
  const realSize = 64 * MIB;
  const [first, second] = [Buffer.alloc(512, "A"), Buffer.alloc(1000, "B")];
  const data = Buffer.concat([first, second]);
  const at = [10 * MIB, 40 * MIB] as const;

  async function expectSparse(archive: Uint8Array): Promise<void> {
    await using dir = tempDir();
    await unpackBytes(dir, archive, "tar");
    const file = dir.file("out", "disk.raw");
    const { size, blocks } = lstatSync(file);
    expect(size).toBe(realSize);
    expect(blocks * 512).toBeLessThan(MIB);
    const found = readFileSync(file);
    expect(found.subarray(at[0], at[0] + 512).equals(first)).toBe(true);
    expect(found.subarray(at[1], at[1] + 1000).equals(second)).toBe(true);
    expect(found.filter((byte) => byte !== 0).length).toBe(1512);
  }

  const field = (offset: number, length: number): string => `${octal(offset, 11)}\0${octal(length, 11)}\0`;

  test("in GNU's old format", async () => {
    const raw = { 386: field(at[0], 512) + field(at[1], 1000), 483: octal(realSize, 11) };
    await expectSparse(tarOf({ name: "disk.raw", type: "S", body: data, magic: GNU_MAGIC, raw }));
  });

  test("in GNU's old format with more stretches than a header holds", async () => {
    const empty = Array.from({ length: 30 }, (_, i) => field(at[0] + 512 * (i + 1), 0));
    const pieces = [field(at[0], 512), ...empty, field(at[1], 1000)];
    const head = { 386: pieces.slice(0, 4).join(""), 482: "\x01", 483: octal(realSize, 11) };
    const more = (start: number, last: boolean): Buffer => {
      const block = Buffer.alloc(512);
      block.write(pieces.slice(start, start + 21).join(""), 0, "latin1");
      block[504] = last ? 0 : 1;
      return block;
    };
    const between = [more(4, false), more(25, true)];
    await expectSparse(tarOf({ name: "disk.raw", type: "S", body: data, magic: GNU_MAGIC, raw: head, between }));
  });

  test("in pax formats 0.0, 0.1 and 1.0", async () => {
    const size: [string, string] = ["GNU.sparse.size", String(realSize)];
    const offsets = at.flatMap((offset, i): [string, string][] => [
      ["GNU.sparse.offset", String(offset)],
      ["GNU.sparse.numbytes", i === 0 ? "512" : "1000"],
    ]);
    await expectSparse(tarOf(pax([size, ["GNU.sparse.numblocks", "2"], ...offsets]), { name: "disk.raw", body: data }));
    const map = `${at[0]},512,${at[1]},1000`;
    const named: [string, string][] = [["GNU.sparse.name", "disk.raw"], size, ["GNU.sparse.map", map]];
    await expectSparse(tarOf(pax(named), { name: "GNUSparseFile.0/disk.raw", body: data }));
    const lead = Buffer.alloc(512);
    lead.write(`2\n${at[0]}\n512\n${at[1]}\n1000\n`);
    const one: [string, string][] = [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "disk.raw"],
      ["GNU.sparse.realsize", String(realSize)],
    ];
    await expectSparse(tarOf(pax(one), { name: "GNUSparseFile.0/disk.raw", body: Buffer.concat([lead, data]) }));
  });

  test("and zeros that nobody called a hole become one", async () => {
    const body = Buffer.alloc(realSize);
    first.copy(body, at[0]);
    second.copy(body, at[1]);
    await expectSparse(tarOf({ name: "disk.raw", body }));
  });

  test.each([
    [
      "a stretch in the middle that is no whole number of blocks",
      `${field(0, 511)}${field(1024, 1001)}`,
      realSize,
      "512 bytes",
    ],
    ["stretches that overlap", `${field(0, 512)}${field(100, 1000)}`, realSize, "overlap"],
    ["a stretch behind the end", `${field(0, 512)}${field(realSize, 1000)}`, realSize, "behind its end"],
    ["stretches for more than there is", `${field(0, 512)}${field(1024, 5000)}`, realSize, "stands for 5512 bytes"],
    ["stretches for less than there is", field(0, 512), realSize, "stands for 512 bytes"],
  ])("but %s are refused", async (_, map, size, message) => {
    const raw = { 386: map, 483: octal(size, 11) };
    const found = await refused(tarOf({ name: "disk.raw", type: "S", body: data, magic: GNU_MAGIC, raw }));
    expect(found).toContain('entry "disk.raw"');
    expect(found).toContain(message);
  });

  test("but those of Solaris and star are refused, for without their map the bytes would be wrong", async () => {
    for (const key of ["SUN.holesdata", "SCHILY.realsize"]) {
      expect(await refused(tarOf(pax([[key, "4096"]]), { name: "f", body: "x" }))).toContain(
        "as Solaris or star writes",
      );
    }
  });

  test("but a map of pax 1.0 without end is refused", async () => {
    const records: [string, string][] = [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.realsize", "10"],
    ];
    for (const lead of ["9\n1\n", "99999999\n", "1", "x\n", "-1\n", `${"1".repeat(600)}\n`]) {
      const body = Buffer.alloc(512);
      body.write(lead);
      expect(await refused(tarOf(pax(records), { name: "f", body }))).toMatch(/damaged|stretches/);
    }
  });
});

describe("what programs read differently is refused", () => {
  const raw = { 386: `${octal(0, 11)}\0${octal(512, 11)}\0`, 483: octal(4096, 11) };
  const sparse: TarEntry = { name: "disk.raw", type: "S", body: Buffer.alloc(512, 1), raw };

  test.each<[string, readonly TarEntry[], string]>([
    ["GNU's old sparse file in a header of POSIX", [sparse], "of another kind of tar"],
    [
      "a sparse file of pax in a header of GNU's",
      [
        pax([
          ["GNU.sparse.size", "4096"],
          ["GNU.sparse.map", "0,1"],
        ]),
        { name: "f", body: "x", magic: GNU_MAGIC },
      ],
      "of another kind of tar",
    ],
    [
      "a long name that goes on behind its length",
      [{ name: "l", type: "L", size: 1, body: "harmless/../x", magic: GNU_MAGIC }, { name: "x" }],
      "goes on behind its length",
    ],
  ])("%s", async (_, entries, message) => {
    expect(await refused(tarOf(...entries))).toContain(message);
  });
});
