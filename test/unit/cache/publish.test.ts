import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { lookUp } from "../../../src/cache/entry.ts";
import { filesOf } from "../../../src/cache/key.ts";
import { pinEntry, pinUnlessGone, publishEntry, publishUnpacked, unpin } from "../../../src/cache/publish.ts";
import { listDamaged, makeCache, removeEntry } from "../../../src/cache/remove.ts";
import { sha256 } from "../../helpers/cache.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";

const BODY = Buffer.from("body");
const KEY = sha256(BODY);

function publish(dir: TempDir, body: Uint8Array = BODY): string | null {
  makeCache(dir.path);
  const file = dir.file("parts", "download");
  writeFileSync(file, body);
  const pin = publishEntry(dir.path, KEY, file, "http://h/a");
  expect(existsSync(file)).toBe(false);
  return pin;
}

test("a published file is an entry that nobody may write to, and that stays until it is let go", async () => {
  await using dir = tempDir();
  const pin = publish(dir);
  const files = filesOf(dir.path, KEY);
  expect(lookUp(dir.path, KEY)).toMatchObject({
    kind: "there",
    entry: { record: { bytes: 4, source: "http://h/a", unpacked: null }, pins: 1 },
  });
  expect(statSync(files.content).mode & 0o777).toBe(0o444);
  expect(statSync(files.dir).mode & 0o777).toBe(0o700);
  expect(await removeEntry(dir.path, KEY)).toBe("in use");
  unpin(pin);
  unpin(pin);
  unpin(null);
  expect(readdirSync(dir.file("parts"))).toEqual([]);
  expect(await removeEntry(dir.path, KEY)).toBe("removed");
});

test("an entry that is there stays as it is when it is brought once more", async () => {
  await using dir = tempDir();
  unpin(publish(dir));
  const before = statSync(filesOf(dir.path, KEY).content).ino;
  unpin(publish(dir));
  expect(statSync(filesOf(dir.path, KEY).content).ino).toBe(before);
  expect(readdirSync(dir.file("parts"))).toEqual([]);
});

test("but a damaged one makes place", async () => {
  await using dir = tempDir();
  unpin(publish(dir));
  truncateSync(filesOf(dir.path, KEY).content, 1);
  unpin(publish(dir));
  expect(lookUp(dir.path, KEY).kind).toBe("there");
  expect(listDamaged(dir.path)).toHaveLength(1);
});

test("what a compressed file holds becomes part of its entry", async () => {
  await using dir = tempDir();
  unpin(publish(dir));
  const files = filesOf(dir.path, KEY);
  writeFileSync(dir.file("parts", "out"), "unpacked");
  publishUnpacked(files, dir.file("parts", "out"), "xz");
  expect(readFileSync(files.unpacked, "utf8")).toBe("unpacked");
  expect(statSync(files.unpacked).mode & 0o777).toBe(0o444);
  expect(lookUp(dir.path, KEY)).toMatchObject({ entry: { record: { unpacked: { format: "xz", bytes: 8 } } } });
});

test("two who unpack one entry at the same time leave one file that the record fits", async () => {
  await using dir = tempDir();
  unpin(publish(dir));
  const files = filesOf(dir.path, KEY);
  const unpackAt = (name: string, seconds: number): void => {
    writeFileSync(dir.file("parts", name), "unpacked");
    utimesSync(dir.file("parts", name), seconds, seconds);
  };
  unpackAt("one", 1);
  unpackAt("two", 2);
  publishUnpacked(files, dir.file("parts", "one"), "xz");
  const between = readFileSync(files.record);
  const { ino } = statSync(files.unpacked);
  publishUnpacked(files, dir.file("parts", "two"), "xz");
  expect(statSync(files.unpacked).ino).toBe(ino);
  // As it is while the second one has not yet written its record, or was killed before.
  writeFileSync(files.record, between);
  expect(lookUp(dir.path, KEY)).toMatchObject({ kind: "there", entry: { pins: 0 } });
  expect(readdirSync(dir.file("parts"))).toEqual([]);
  expect(readdirSync(files.dir).toSorted()).toEqual(["content", "entry.json", "unpacked"]);
});

test("what lies under the name of the unpacked file and is another one makes place", async () => {
  await using dir = tempDir();
  unpin(publish(dir));
  const files = filesOf(dir.path, KEY);
  writeFileSync(files.unpacked, "half");
  writeFileSync(dir.file("parts", "out"), "unpacked");
  publishUnpacked(files, dir.file("parts", "out"), "xz");
  expect(readFileSync(files.unpacked, "utf8")).toBe("unpacked");
  expect(lookUp(dir.path, KEY).kind).toBe("there");
});

test("an entry that went cannot be kept, and is as good as absent", async () => {
  await using dir = tempDir();
  makeCache(dir.path);
  expect(() => pinEntry(dir.path, filesOf(dir.path, KEY))).toThrow("ENOENT");
  expect(pinUnlessGone(dir.path, filesOf(dir.path, KEY))).toBeUndefined();
  rmSync(dir.file("parts"), { recursive: true });
  unpin(publish(dir));
  rmSync(dir.file("parts"), { recursive: true });
  expect(() => pinUnlessGone(dir.path, filesOf(dir.path, KEY))).toThrow("ENOENT");
});

test("what cannot get its name leaves nothing, and no name that keeps its bytes", async () => {
  await using dir = tempDir();
  makeCache(dir.path);
  const file = dir.file("parts", "download");
  writeFileSync(file, BODY);
  mkdirSync(filesOf(dir.path, KEY).dir, { recursive: true });
  writeFileSync(filesOf(dir.path, KEY).content, "in the way");
  // What is in the way cannot be set aside.
  rmSync(dir.file("damaged"), { recursive: true });
  writeFileSync(dir.file("damaged"), "");
  expect(() => publishEntry(dir.path, KEY, file, "http://h/a")).toThrow();
  expect(readdirSync(dir.file("parts"))).toEqual([]);
});
