import { expect, test } from "bun:test";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { lookUp } from "../../../src/cache/entry.ts";
import { filesOf, formatKey } from "../../../src/cache/key.ts";
import {
  listDamaged,
  makeCache,
  removeDamaged,
  removeEntry,
  removeEntrySync,
  setAside,
} from "../../../src/cache/remove.ts";
import { putEntry } from "../../helpers/cache.ts";
import { tempDir } from "../../helpers/temp.ts";

const BODY = Buffer.from("body");

test("a cache is the agent's alone", async () => {
  await using dir = tempDir();
  makeCache(dir.file("cache"));
  makeCache(dir.file("cache"));
  expect(statSync(dir.file("cache")).mode & 0o777).toBe(0o700);
});

test("an entry that is not in use goes and leaves nothing", async () => {
  await using dir = tempDir();
  const [key, other] = [putEntry(dir.path, BODY), putEntry(dir.path, BODY, "md5")];
  expect(await removeEntry(dir.path, key)).toBe("removed");
  expect(await removeEntry(dir.path, key)).toBe("absent");
  expect(removeEntrySync(dir.path, other)).toBe("removed");
  for (const place of ["sha256", "md5", "parts"]) expect(readdirSync(dir.file(place))).toEqual([]);
});

test("an entry that a machine has another name of stays", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  linkSync(filesOf(dir.path, key).content, dir.file("pin"));
  expect(await removeEntry(dir.path, key)).toBe("in use");
  expect(lookUp(dir.path, key).kind).toBe("there");
  rmSync(dir.file("pin"));
  expect(await removeEntry(dir.path, key)).toBe("removed");
});

test("a damaged entry is set aside, listed and removed, and whoever uses it keeps it", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  linkSync(filesOf(dir.path, key).content, dir.file("pin"));
  truncateSync(filesOf(dir.path, key).content, 2);
  const path = setAside(dir.path, key, 42);
  expect(setAside(dir.path, key)).toBeUndefined();
  expect(lookUp(dir.path, key)).toEqual({ kind: "absent" });
  const [damaged, ...more] = listDamaged(dir.path);
  expect(more).toEqual([]);
  expect(damaged).toEqual({ path: path ?? "", name: formatKey(key).replace(":", "-"), since: 42 });
  if (damaged !== undefined) await removeDamaged(damaged);
  expect(listDamaged(dir.path)).toEqual([]);
  expect(existsSync(path ?? "")).toBe(false);
  expect(readFileSync(dir.file("pin"), "utf8")).toBe("bo");
});
