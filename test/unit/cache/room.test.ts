import { expect, test } from "bun:test";
import { linkSync } from "node:fs";
import { lookUp } from "../../../src/cache/entry.ts";
import { type EntryKey, filesOf } from "../../../src/cache/key.ts";
import { touchRecord } from "../../../src/cache/record.ts";
import { listDamaged, setAside } from "../../../src/cache/remove.ts";
import { evictable, makeRoom } from "../../../src/cache/room.ts";
import { putEntry } from "../../helpers/cache.ts";
import { tempDir } from "../../helpers/temp.ts";

const SIZE = 64 << 10;

function put(cache: string, usedAt: number): EntryKey {
  const key = putEntry(cache, Buffer.alloc(SIZE, usedAt));
  touchRecord(filesOf(cache, key).record, usedAt * 1000);
  return key;
}

test("room is made of what was used longest ago, no more than is missing, and never of what is in use", async () => {
  await using dir = tempDir();
  const [used, newer, older] = [put(dir.path, 1), put(dir.path, 3), put(dir.path, 2)];
  linkSync(filesOf(dir.path, used).content, dir.file("pin"));
  expect(evictable(dir.path).map(({ key }) => key)).toEqual([older, newer]);
  expect(makeRoom(dir.path, SIZE)).toBe(1);
  expect([used, newer, older].map((key) => lookUp(dir.path, key).kind)).toEqual(["there", "there", "absent"]);
  expect(makeRoom(dir.path, Number.POSITIVE_INFINITY)).toBe(1);
  expect([used, newer].map((key) => lookUp(dir.path, key).kind)).toEqual(["there", "absent"]);
});

test("nothing goes when all of it were too little, but what is damaged", async () => {
  await using dir = tempDir();
  const key = put(dir.path, 1);
  setAside(dir.path, put(dir.path, 2));
  expect(makeRoom(dir.path, 3 * SIZE)).toBe(0);
  expect(lookUp(dir.path, key).kind).toBe("there");
  expect(listDamaged(dir.path)).toEqual([]);
});
