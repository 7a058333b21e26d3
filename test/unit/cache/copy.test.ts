import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { copyBytes } from "../../../src/cache/copy.ts";
import { tempDir } from "../../helpers/temp.ts";

const MIB = 1 << 20;

/** Copies a file beside itself. @returns the path of the copy. */
async function copy(path: string, signal = new AbortController().signal): Promise<string> {
  const [from, to] = [openSync(path, "r"), openSync(`${path}.copy`, "wx+")];
  try {
    await copyBytes(from, to, statSync(path).size, signal);
    return `${path}.copy`;
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

describe("a copy", () => {
  const random = randomBytes(3 * MIB + 12_345);
  const sparse: [string, number, [offset: number, bytes: Buffer][]][] = [
    ["an empty file", 0, []],
    ["a file of one byte", 1, [[0, Buffer.from("x")]]],
    ["a file without holes", random.length, [[0, random]]],
    ["a file that is one hole", 5 * MIB, []],
    ["a hole at the beginning", 4 * MIB, [[3 * MIB, random.subarray(0, MIB)]]],
    ["a hole at the end", 9 * MIB + 7, [[0, random]]],
    [
      "stretches between holes",
      40 * MIB + 1,
      [
        [5 * MIB + 3, Buffer.from("a")],
        [20 * MIB, random],
        [40 * MIB, Buffer.from("z")],
      ],
    ],
  ];
  test.each(sparse)("of %s has its bytes and its holes", async (_, size, writes) => {
    await using dir = tempDir();
    const path = dir.file("a");
    const fd = openSync(path, "w");
    for (const [offset, bytes] of writes) writeSync(fd, bytes, 0, bytes.length, offset);
    closeSync(fd);
    truncateSync(path, size);
    const made = await copy(path);
    expect(readFileSync(made).equals(readFileSync(path))).toBe(true);
    expect(statSync(made).blocks).toBeLessThanOrEqual(statSync(path).blocks + 256);
  });

  test("ends when nobody wants it any more", async () => {
    await using dir = tempDir();
    writeFileSync(dir.file("a"), random);
    await expect(copy(dir.file("a"), AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
  });

  test("of a file that becomes shorter fails", async () => {
    await using dir = tempDir();
    const path = dir.file("a");
    writeFileSync(path, random);
    const [from, to] = [openSync(path, "r"), openSync(dir.file("b"), "wx+")];
    truncateSync(path, MIB);
    const signal = new AbortController().signal;
    await expect(copyBytes(from, to, random.length, signal)).rejects.toThrow("became shorter");
    closeSync(from);
    closeSync(to);
  });
});
