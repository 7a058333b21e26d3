import { describe, expect, test } from "bun:test";
import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { type ZipEntry, zipOf } from "../../../helpers/archives.ts";
import { refusal } from "../../../helpers/refusal.ts";
import { tempDir } from "../../../helpers/temp.ts";
import { listing, unpackBytes } from "../../../helpers/unpacking.ts";

async function refused(archive: Uint8Array): Promise<string> {
  await using dir = tempDir();
  return (await refusal(unpackBytes(dir, archive, "zip"))).message;
}

test("stored and deflated files, directories, links and holes come out", async () => {
  await using dir = tempDir();
  const disk = Buffer.alloc(8 << 20);
  disk.write("boot", 4 << 20);
  const archive = zipOf(
    { name: "a/", mode: 0o40755, method: 0 },
    { name: "a/stored", body: "stored", method: 0, mode: 0o100755 },
    { name: "disk.raw", body: disk, long: true },
    { name: "empty", mode: 0 },
    { name: "a/latest", body: "../disk.raw", mode: 0o120777 },
  );
  expect(await unpackBytes(dir, archive, "zip")).toMatchObject({ files: 3, bytes: disk.length + 6 });
  expect(listing(dir.file("out"))).toEqual(["a", "a/latest", "a/stored", "disk.raw", "empty"]);
  expect(readFileSync(dir.file("out", "a", "latest")).equals(disk)).toBe(true);
  expect(readlinkSync(dir.file("out", "a", "latest"))).toBe("../disk.raw");
  expect(lstatSync(dir.file("out", "disk.raw")).blocks * 512).toBeLessThan(1 << 20);
  expect(statSync(dir.file("out", "a", "stored")).mode & 0o7777).toBe(0o755);
});

test("a comment at the end is no content", async () => {
  await using dir = tempDir();
  const archive = Buffer.concat([
    zipOf({ name: "a", body: "a" }),
    Buffer.from("PK\x05\x06 said the comment, and more than 22"),
  ]);
  const comment = archive.length - zipOf({ name: "a", body: "a" }).length;
  archive.writeUInt16LE(comment, archive.length - comment - 2);
  expect(await unpackBytes(dir, archive, "zip")).toMatchObject({ files: 1 });
});

describe("attacks are refused with the entry's name", () => {
  const bomb = Buffer.alloc(1 << 20);
  test.each<[string, readonly ZipEntry[], string]>([
    ["a name that climbs out", [{ name: "../x" }], 'entry "../x": a name with ..'],
    ["an absolute name", [{ name: "/x" }], 'entry "/x": an absolute name'],
    ["a backslash", [{ name: "..\\x" }], "holds a backslash"],
    ["a NUL", [{ name: "a\0.img" }], "holds a NUL"],
    ["a name that is not UTF-8", [{ name: Buffer.from([0xff]) }], "not valid UTF-8"],
    ["a link to the outside", [{ name: "l", body: "/etc", mode: 0o120777 }], "which is absolute"],
    [
      "a write through a link",
      [
        { name: "l", body: "d", mode: 0o120777 },
        { name: "l/x", body: "x" },
      ],
      '"l" in its way is another entry',
    ],
    ["a long link", [{ name: "l", body: bomb, mode: 0o120777 }], "a symbolic link to a name of"],
    ["a FIFO", [{ name: "p", mode: 0o10644 }], "found a FIFO"],
    ["a device", [{ name: "p", mode: 0o60644 }], "found a block device"],
    ["a setuid file", [{ name: "s", mode: 0o104755 }], "a file with a setuid"],
    ["a directory with content", [{ name: "d/", body: "x", mode: 0o40755 }], "a directory with 1 bytes of content"],
    ["a directory that is a file", [{ name: "d/", mode: 0o100644 }], "a directory by one sign and none by another"],
    ["the same file twice", [{ name: "a" }, { name: "a" }], "the archive has it twice"],
    ["an encrypted file", [{ name: "a", flags: 1 }], "it is encrypted"],
    ["another method", [{ name: "a", method: 14 }], "found method 14 (lzma)"],
    ["an unknown method", [{ name: "a", method: 77 }], "found method 77"],
    ["a wrong checksum", [{ name: "a", body: "a", central: { crc: 1 }, local: { crc: 1 } }], "its checksum is wrong"],
    ["more than it says", [{ name: "a", body: bomb, central: { size: 9 } }], "longer than the 9 bytes"],
    ["less than it says", [{ name: "a", body: "a", central: { size: 9 } }], "expected 9 bytes, found 1"],
    ["two names", [{ name: "a", local: { name: "b" } }], "with two different names"],
    ["a second name of controls", [{ name: "a", local: { name: "\u009b2J\u202e" } }], 'the other "\\x9b2J\\u202e"'],
    ["two methods", [{ name: "a", local: { method: 0 } }], "with two different methods"],
    ["two lengths", [{ name: "a", body: "a", local: { size: 2 } }], "with two different lengths"],
    [
      "a length of 64 bits without any",
      [{ name: "a", body: "a", local: { size: 0xffffffff } }],
      "two different lengths",
    ],
    ["two checksums", [{ name: "a", body: "a", local: { crc: 2 } }], "with two different checksums"],
    [
      "entries that overlap",
      [
        { name: "a", body: bomb },
        { name: "b", body: bomb, central: { offset: 0 } },
      ],
      "overlaps what stands behind it",
    ],
    ["nothing at all", [], "the archive is empty"],
  ])("%s", async (_, entries, message) => {
    expect(await refused(zipOf(...entries))).toContain(message);
  });
});

test("an archive that ends early is refused, wherever it ends", async () => {
  const archive = zipOf({ name: "a", body: "x".repeat(100), method: 0 }, { name: "b", body: "y" });
  for (let length = 4; length < archive.length; length += 7) {
    expect({ length, message: await refused(archive.subarray(0, length)) }).toEqual({
      length,
      message: expect.stringContaining("ends too early"),
    });
  }
});

test("an archive behind other bytes, one volume of several and what is none are refused", async () => {
  const archive = zipOf({ name: "a", body: "a" });
  expect(await refused(Buffer.concat([Buffer.from("#!/bin/sh\n"), archive]))).toContain("not where it says");
  const volume = Buffer.from(archive);
  volume.writeUInt16LE(1, archive.length - 18);
  expect(await refused(volume)).toContain("one volume of several");
  expect(await refused(Buffer.from("<html>not found</html>"))).toContain("expected a zip archive");
  expect(await refused(Buffer.alloc(0))).toContain("expected a zip archive");
});
