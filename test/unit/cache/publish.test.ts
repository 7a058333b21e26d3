import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { lookUp } from "../../../src/cache/entry.ts";
import { filesOf } from "../../../src/cache/key.ts";
import { pinEntry, publishEntry, publishUnpacked, unpin } from "../../../src/cache/publish.ts";
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

test("an entry that went cannot be kept", async () => {
  await using dir = tempDir();
  makeCache(dir.path);
  expect(() => pinEntry(dir.path, filesOf(dir.path, KEY))).toThrow("ENOENT");
});
