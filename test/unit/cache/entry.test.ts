import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Entry, listEntries, lookUp, mtimeOf } from "../../../src/cache/entry.ts";
import { type EntryKey, filesOf, keyOf } from "../../../src/cache/key.ts";
import { readRecord, touchRecord, writeRecord } from "../../../src/cache/record.ts";
import { putEntry } from "../../helpers/cache.ts";
import { tempDir } from "../../helpers/temp.ts";

const BODY = Buffer.from("body");

function there(cache: string, key: EntryKey): Entry {
  const found = lookUp(cache, key);
  if (found.kind !== "there") throw new Error(JSON.stringify(found));
  return found.entry;
}

test("an entry is there when its files are as its record says", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  const entry = there(dir.path, key);
  expect(entry).toMatchObject({ key, record: { bytes: 4, source: "http://h/a.img" }, pins: 0, unpacked: null });
  expect(entry.content.ino).toBe(statSync(entry.files.content).ino);
  expect(lookUp(dir.path, keyOf({ type: "sha256", hex: "0".repeat(64) }, ""))).toEqual({ kind: "absent" });
});

test("what another name stands for is in use", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  linkSync(filesOf(dir.path, key).content, dir.file("pin"));
  expect(there(dir.path, key).pins).toBe(1);
  rmSync(dir.file("pin"));
  expect(there(dir.path, key).pins).toBe(0);
});

test("what is unpacked belongs to the entry once the record has it", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  const { files, record } = there(dir.path, key);
  writeFileSync(files.unpacked, "unpacked");
  expect(there(dir.path, key).unpacked).toBeNull();
  const stats = statSync(files.unpacked);
  writeRecord(files.record, { ...record, unpacked: { format: "xz", bytes: 8, mtime: mtimeOf(stats) } });
  linkSync(files.unpacked, dir.file("pin"));
  expect(there(dir.path, key)).toMatchObject({ unpacked: { ino: stats.ino }, pins: 1 });
  rmSync(files.unpacked);
  expect(lookUp(dir.path, key)).toEqual({ kind: "damaged", why: "its unpacked is gone" });
});

test("an entry is not damaged because there is no descriptor left to read it with", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  const module = join(import.meta.dir, "../../../src/cache/entry.ts");
  const script = `
    import { closeSync, openSync } from "node:fs";
    const { lookUp } = await import(${JSON.stringify(module)});
    const look = () => { try { return lookUp(${JSON.stringify(dir.path)}, ${JSON.stringify(key)}).kind } catch (error) { return error.code } };
    const held = [];
    try { for (;;) held.push(openSync("/dev/null", "r")) } catch {}
    const found = look();
    for (const fd of held) closeSync(fd);
    console.log(found, look());`;
  const ran = Bun.spawnSync(["sh", "-c", 'ulimit -n 200; exec "$0" -e "$1"', process.execPath, script]);
  expect(ran.stdout.toString()).toBe("EMFILE there\n");
});

test("an entry was last used when its record was touched", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  touchRecord(filesOf(dir.path, key).record, 1_000_000);
  expect(there(dir.path, key).usedAt).toBe(1_000_000);
});

describe("an entry is damaged when", () => {
  const cases: Readonly<Record<string, readonly [(files: ReturnType<typeof filesOf>) => void, why: string]>> = {
    "its content is gone": [({ content }) => rmSync(content), "its content is gone"],
    "its content was cut": [({ content }) => truncateSync(content, 3), "its content has 3 bytes, expected 4"],
    "its content was written to": [
      ({ content }) => utimesSync(content, 1, 1),
      "its content was written after it was fetched",
    ],
    "its content is a link": [
      ({ content }) => {
        rmSync(content);
        symlinkSync("/etc/passwd", content);
      },
      "its content is no file",
    ],
    "its record is gone": [({ record }) => rmSync(record), "its entry.json cannot be read"],
    "its record is of another format": [
      ({ record }) => writeFileSync(record, '{"format":2}'),
      "its entry.json cannot be read",
    ],
    "its record is cut": [({ record }) => truncateSync(record, 10), "its entry.json cannot be read"],
    "a file has its name": [
      ({ dir }) => {
        rmSync(dir, { recursive: true });
        writeFileSync(dir, "");
      },
      "expected a directory, found something else",
    ],
  };
  test.each(Object.keys(cases))("%s", async (name) => {
    await using dir = tempDir();
    const key = putEntry(dir.path, BODY);
    const [damage, why] = cases[name] ?? [() => undefined, ""];
    damage(filesOf(dir.path, key));
    expect(lookUp(dir.path, key)).toEqual({ kind: "damaged", why });
    expect(listEntries(dir.path)).toEqual([{ key, found: { kind: "damaged", why } }]);
  });
});

test("a list holds the entries of all types and nothing else that lies about", async () => {
  await using dir = tempDir();
  expect(listEntries(dir.file("absent"))).toEqual([]);
  const keys = [putEntry(dir.path, BODY, "md5"), putEntry(dir.path, BODY), putEntry(dir.path, Buffer.from("other"))];
  mkdirSync(dir.file("parts"));
  mkdirSync(dir.file("sha256", "not a checksum"));
  writeFileSync(dir.file("sha256", "file"), "");
  const found = listEntries(dir.path).map(({ key }) => key);
  expect(found).toHaveLength(3);
  expect(found).toEqual(expect.arrayContaining(keys));
});

test("a record is replaced in one step and readable by the agent alone", async () => {
  await using dir = tempDir();
  const key = putEntry(dir.path, BODY);
  const { record } = filesOf(dir.path, key);
  chmodSync(record, 0o400);
  const before = statSync(record).ino;
  const next = { bytes: 4, mtime: 1, source: "s", fetchedAt: 2, unpacked: null };
  writeRecord(record, next);
  expect(readRecord(record)).toMatchObject(next);
  expect(statSync(record).ino).not.toBe(before);
  expect(statSync(record).mode & 0o777).toBe(0o600);
});
