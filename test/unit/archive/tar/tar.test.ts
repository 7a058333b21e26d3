import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { GNU_MAGIC, pax, TAR_END, type TarEntry, tarEntry, tarOf } from "../../../helpers/archives.ts";
import { refusal } from "../../../helpers/refusal.ts";
import { type TempDir, tempDir } from "../../../helpers/temp.ts";
import { listing, unpackBytes } from "../../../helpers/unpacking.ts";

async function read(dir: TempDir, archive: Uint8Array, name: string): Promise<Buffer> {
  await unpackBytes(dir, archive, "tar");
  return readFileSync(dir.file("out", name));
}

async function refused(archive: Uint8Array): Promise<string> {
  await using dir = tempDir();
  const { message } = await refusal(unpackBytes(dir, archive, "tar"));
  expect(message).not.toMatch(/[\u0000-\u001f]/);
  return message;
}

test("files, directories and links of ustar come out, and what cannot be trusted of a mode does not", async () => {
  await using dir = tempDir();
  const archive = tarOf(
    { name: "./", type: "5", mode: 0o2777 },
    { name: "./a/", type: "5", mode: 0o700 },
    { name: "./a/disk.raw", body: "disk", mode: 0o600, mtime: 1_600_000_000 },
    { name: "run.sh", body: "run", mode: 0o777 },
    { name: "a/latest", type: "2", link: "disk.raw" },
    { name: "up", type: "2", link: "a/latest" },
    { name: "a/again", type: "1", link: "./a/disk.raw" },
    { name: "v7", type: "\0", body: "old", magic: "" },
    { name: "name", body: "long", raw: { 345: "the/prefix" } },
  );
  expect(await unpackBytes(dir, archive, "tar")).toEqual({ files: 5, firstFile: ["a", "disk.raw"], bytes: 14 });
  expect(listing(dir.file("out"))).toEqual(
    ["a", "a/again", "a/disk.raw", "a/latest", "run.sh", "the", "the/prefix", "the/prefix/name", "up", "v7"].sort(),
  );
  expect(readFileSync(dir.file("out", "up"), "utf8")).toBe("disk");
  expect(readlinkSync(dir.file("out", "a", "latest"))).toBe("disk.raw");
  expect(readFileSync(dir.file("out", "a", "again"), "utf8")).toBe("disk");
  expect(statSync(dir.file("out", "a")).mode & 0o7777).toBe(0o755);
  expect(statSync(dir.file("out", "run.sh")).mode & 0o7777).toBe(0o755);
  expect(statSync(dir.file("out", "a", "disk.raw")).mode & 0o7777).toBe(0o644);
  expect(statSync(dir.file("out", "a", "disk.raw")).mtimeMs).toBe(1_600_000_000_000);
});

describe("names and sizes that a header cannot hold", () => {
  const long = `${"d".repeat(120)}/${"f".repeat(120)}`;

  test("GNU's long names", async () => {
    await using dir = tempDir();
    const before: TarEntry = { name: "././@LongLink", type: "L", body: `${long}\0`, magic: GNU_MAGIC };
    expect((await read(dir, tarOf(before, { name: "cut", body: "x", magic: GNU_MAGIC }), long)).toString()).toBe("x");
  });

  test("pax names, sizes, link targets, and a comment for all", async () => {
    await using dir = tempDir();
    const archive = tarOf(
      pax([["comment", "0123456789"]], "g"),
      pax([
        ["path", `${long}-ä`],
        ["size", "3"],
        ["mtime", "1500000000.25"],
      ]),
      { name: "cut", body: "abc" },
      pax([["linkpath", `${long}-ä`]]),
      { name: "link", type: "2", link: "cut" },
    );
    expect((await read(dir, archive, `${long}-ä`)).toString()).toBe("abc");
    expect(readlinkSync(dir.file("out", "link"))).toBe(`${long}-ä`);
    expect(statSync(dir.file("out", `${long}-ä`)).mtimeMs).toBe(1_500_000_000_250);
  });

  test.each([
    ["of 1960, as GNU tar writes it", { raw: { 136: Buffer.from("ffffffffffffffffed300880", "hex") } }, [], 0],
    ["of 1960, as pax writes it", { mtime: 0 }, [["mtime", "-315619199.5"]], 0],
    ["a second before 1970", { raw: { 136: Buffer.alloc(12, 0xff) } }, [], 0],
    ["of 1970", { mtime: 0 }, [], 0],
    ["of the year 2400", { raw: { 136: Buffer.from("80000000000000032a1c7900", "hex") } }, [], 2 ** 33],
  ] as const)("a time %s", async (_, raw, records, time) => {
    await using dir = tempDir();
    await unpackBytes(dir, tarOf(pax(records), { name: "old", body: "x", ...raw }), "tar");
    expect(statSync(dir.file("out", "old")).mtimeMs).toBe(time * 1000);
  });

  test("a size of bytes instead of digits", async () => {
    await using dir = tempDir();
    const size = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    expect((await read(dir, tarOf({ name: "a", body: "12345", raw: { 124: size } }), "a")).toString()).toBe("12345");
  });
});

describe("attacks are refused with the entry's name", () => {
  test.each<[string, readonly TarEntry[], string]>([
    ["a name that climbs out", [{ name: "../x" }], 'entry "../x": a name with .. in it'],
    ["a name that climbs out from within", [{ name: "a/../../x" }], 'entry "a/../../x": a name with .. in it'],
    ["an absolute name", [{ name: "/etc/cron.d/x" }], 'entry "/etc/cron.d/x": an absolute name'],
    ["a link to the outside", [{ name: "l", type: "2", link: "../x" }], 'entry "l": a symbolic link to "../x"'],
    ["an absolute link", [{ name: "l", type: "2", link: "/etc" }], "which is absolute"],
    ["a link that climbs behind a name", [{ name: "a/l", type: "2", link: "b/.." }], ".. behind a name"],
    [
      "a write through a link",
      [
        { name: "real/", type: "5" },
        { name: "l", type: "2", link: "real" },
        { name: "l/x", body: "x" },
      ],
      'entry "l/x": "l" in its way is another entry',
    ],
    [
      "a write through a file",
      [
        { name: "f", body: "f" },
        { name: "f/x", body: "x" },
      ],
      '"f" in its way',
    ],
    [
      "a hard link to the outside",
      [{ name: "h", type: "1", link: "/etc/shadow" }],
      'entry "h": a hard link to entry "/etc',
    ],
    ["a hard link that climbs out", [{ name: "h", type: "1", link: "../../shadow" }], "a name with .. in it"],
    ["a hard link to what is not there", [{ name: "h", type: "1", link: "x" }], "no file of the archive before it"],
    [
      "a hard link to a link",
      [
        { name: "l", type: "2", link: "x" },
        { name: "h", type: "1", link: "l" },
      ],
      "no file of the archive before it",
    ],
    [
      "a hard link through a link",
      [
        { name: "d/f", body: "f" },
        { name: "l", type: "2", link: "d" },
        { name: "h", type: "1", link: "l/f" },
      ],
      "no file of the archive before it",
    ],
    [
      "a hard link with content",
      [{ name: "h", type: "1", link: "x", body: "y" }],
      "a hardlink with 1 bytes of content",
    ],
    ["a character device", [{ name: "null", type: "3" }], 'entry "null": expected a file, directory or link'],
    ["a block device", [{ name: "sda", type: "4" }], "found a block device"],
    ["a FIFO", [{ name: "pipe", type: "6" }], "found a FIFO"],
    ["an unknown type", [{ name: "odd", type: "Z" }], 'found an entry of type "Z"'],
    ["a setuid file", [{ name: "su", mode: 0o4755 }], 'entry "su": a file with a setuid'],
    ["a setgid file", [{ name: "sg", mode: 0o2755 }], "a file with a setuid, setgid"],
    ["a NUL in a name", [pax([["path", "a\0b"]]), { name: "x" }], 'entry "a\\u0000b": the name holds a NUL'],
    ["a backslash in a name", [{ name: "a\\b" }], "holds a backslash"],
    [
      "an escape sequence in a name",
      [{ name: "a\u001b[2J" }],
      'entry "a\\u001b[2J": the name holds a control character',
    ],
    [
      "an escape sequence in one character",
      [{ name: "a\u009b2J" }],
      'entry "a\\x9b2J": the name holds a control character',
    ],
    ["one in a link", [{ name: "l", type: "2", link: "a\u009b2J" }], "the symbolic link holds a control character"],
    ["a name that is not UTF-8", [{ name: Buffer.from([0x61, 0xff]) }], "not valid UTF-8"],
    ["a name of 300 bytes", [pax([["path", "x".repeat(300)]]), { name: "x" }], "longer than 255 bytes"],
    ["a path of 5000 bytes", [pax([["path", "x/".repeat(2500)]]), { name: "x" }], "longer than 4095 bytes"],
    ["101 directories", [{ name: "x" }, pax([["path", "d/".repeat(101)]]), { name: "d", type: "5" }], "more than 100"],
    [
      "the same file twice",
      [
        { name: "a", body: "1" },
        { name: "./a", body: "2" },
      ],
      'entry "./a": the archive has it twice',
    ],
    [
      "a file over a link",
      [
        { name: "a", type: "2", link: "b" },
        { name: "a", body: "2" },
      ],
      "the archive has it twice",
    ],
    ["the agent's own directory", [{ name: "vm/.paddock/status.1" }], ".paddock belongs to the agent"],
    ["a name for all entries", [pax([["path", "x"]], "g"), { name: "a" }], 'sets "path" for all entries'],
    ["a file for the root", [{ name: "./" }, { name: ".", body: "x" }], "only a directory can have"],
    ["no name", [{ name: "" }], "an empty name"],
    ["nothing at all", [], "the archive is empty"],
  ])("%s", async (_, entries, message) => {
    expect(await refused(tarOf(...entries))).toContain(message);
  });
});

describe("what is damaged is refused", () => {
  const good = tarOf({ name: "a", body: "x".repeat(600) }, { name: "b", body: "y" });

  test("an archive that ends early, wherever it ends", async () => {
    for (let length = 0; length < good.length; length += 256) {
      if (length === 0) continue;
      expect({ length, message: await refused(good.subarray(0, length)) }).toEqual({
        length,
        message: expect.stringContaining("ends too early"),
      });
    }
    expect(await refused(Buffer.alloc(0))).toContain("ends too early");
  });

  test("an extended header without an entry", async () => {
    expect(await refused(Buffer.concat([tarEntry(pax([["path", "x"]])), TAR_END]))).toContain("ends too early");
  });

  test("other bytes behind the end, so that no second archive hides there", async () => {
    expect(await refused(Buffer.concat([good, good]))).toContain("other bytes behind its end");
  });

  test("a wrong checksum, a negative size, a size that is no number, and records without a length", async () => {
    const wrong = Buffer.from(good);
    wrong[0] = 0x62;
    expect(await refused(wrong)).toContain("a tar header is damaged");
    const negative = Buffer.alloc(12, 0xff);
    expect(await refused(tarOf({ name: "a", raw: { 124: negative } }))).toContain("damaged or negative number");
    expect(await refused(tarOf({ name: "a", raw: { 124: "12x" } }))).toContain("damaged or negative number");
    for (const body of ["x path=a\n", "99 path=a\n", "5 a=b", "0 a=b\n", "9 path=a\n\n"]) {
      expect(await refused(tarOf({ name: "p", type: "x", body }, { name: "a" }))).toContain("extended header");
    }
  });

  test("a long name of gigabytes", async () => {
    expect(await refused(tarOf({ name: "l", type: "L", size: 2 ** 32 }))).toContain("expected at most");
  });
});
