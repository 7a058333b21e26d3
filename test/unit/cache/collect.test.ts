import { describe, expect, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { collectCache, sweepCache } from "../../../src/cache/collect.ts";
import { listEntries, lookUp } from "../../../src/cache/entry.ts";
import { type EntryKey, filesOf } from "../../../src/cache/key.ts";
import { pinEntry, unpin } from "../../../src/cache/publish.ts";
import { touchRecord } from "../../../src/cache/record.ts";
import { listDamaged, makeCache, setAside } from "../../../src/cache/remove.ts";
import { readSource, writeSource } from "../../../src/cache/source.ts";
import { putEntry, REQUEST } from "../../helpers/cache.ts";
import { tempDir } from "../../helpers/temp.ts";

const DAY = 24 * 3_600_000;
const NOW = 100 * DAY;
const KIB = Buffer.alloc(64 << 10, "x");

/** An entry of 64 KiB, last used so many days ago. */
function usedBefore(cache: string, days: number): EntryKey {
  const key = putEntry(cache, Buffer.concat([KIB.subarray(0, -1), Buffer.from([days])]));
  touchRecord(filesOf(cache, key).record, NOW - days * DAY);
  return key;
}

const keysOf = (cache: string): EntryKey[] => listEntries(cache).map(({ key }) => key);

describe("from a cache", () => {
  test("what was not used for too long goes", async () => {
    await using dir = tempDir();
    const [young] = [usedBefore(dir.path, 1), usedBefore(dir.path, 3)];
    expect(await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 0 }, NOW)).toEqual({ entries: 0, bytes: 0 });
    expect(await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 2 * DAY }, NOW)).toMatchObject({ entries: 1 });
    expect(keysOf(dir.path)).toEqual([young]);
  });

  test("what was used longest ago goes until the rest is small enough", async () => {
    await using dir = tempDir();
    const [, newest, newer] = [usedBefore(dir.path, 3), usedBefore(dir.path, 1), usedBefore(dir.path, 2)];
    const limits = { maxBytes: 2 * KIB.length, maxAgeMillis: 0 };
    expect(await collectCache(dir.path, limits, NOW)).toEqual({ entries: 1, bytes: KIB.length });
    expect(keysOf(dir.path)).toHaveLength(2);
    expect(keysOf(dir.path)).toEqual(expect.arrayContaining([newest, newer]));
  });

  test("what a machine has another name of stays, and counts as used", async () => {
    await using dir = tempDir();
    const key = usedBefore(dir.path, 50);
    linkSync(filesOf(dir.path, key).content, dir.file("pin"));
    expect((await collectCache(dir.path, { maxBytes: 1, maxAgeMillis: DAY }, NOW)).entries).toBe(0);
    rmSync(dir.file("pin"));
    expect((await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: DAY }, NOW)).entries).toBe(0);
    expect((await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: DAY }, NOW + 2 * DAY)).entries).toBe(1);
  });

  test("what is kept for a moment stays as long as that lasts, however old the file is", async () => {
    await using dir = tempDir();
    makeCache(dir.path);
    const key = usedBefore(dir.path, 50);
    const { content, record } = filesOf(dir.path, key);
    const mtime = NOW - 50 * DAY;
    utimesSync(content, mtime / 1000, mtime / 1000);
    writeFileSync(record, readFileSync(record, "utf8").replace(/"mtime":\d+/, `"mtime":${mtime}`));
    const pin = pinEntry(dir.path, filesOf(dir.path, key));
    await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 0 }, NOW);
    await collectCache(dir.path, { maxBytes: 1, maxAgeMillis: 0 }, NOW);
    expect(keysOf(dir.path)).toEqual([key]);
    unpin(pin);
    await collectCache(dir.path, { maxBytes: 1, maxAgeMillis: 0 }, NOW);
    expect(keysOf(dir.path)).toEqual([]);
  });

  test("a damaged entry goes by age, and before the others by size", async () => {
    await using dir = tempDir();
    setAside(dir.path, usedBefore(dir.path, 1), NOW - DAY);
    const key = usedBefore(dir.path, 0);
    expect(await collectCache(dir.path, { maxBytes: KIB.length, maxAgeMillis: 0 }, NOW)).toMatchObject({ entries: 1 });
    expect(lookUp(dir.path, key).kind).toBe("there");
    expect(listDamaged(dir.path)).toEqual([]);
    setAside(dir.path, key, NOW - DAY);
    expect((await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 2 * DAY }, NOW)).entries).toBe(0);
    expect(await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: DAY / 2 }, NOW)).toMatchObject({ entries: 1 });
    expect(listDamaged(dir.path)).toEqual([]);
  });

  test("an entry whose file is not what was fetched goes as by command, where there is any limit", async () => {
    await using dir = tempDir();
    const key = usedBefore(dir.path, 0);
    rmSync(filesOf(dir.path, key).content);
    expect((await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 0 }, NOW)).entries).toBe(0);
    expect((await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 9 * DAY }, NOW)).entries).toBe(1);
    expect(keysOf(dir.path)).toEqual([]);
  });

  test("a source whose entry is gone goes, and so does one that nobody can read", async () => {
    await using dir = tempDir();
    makeCache(dir.path);
    const record = { validator: { kind: "etag", value: '"a"' }, source: "http://h/a", checkedAt: 1 } as const;
    const key = usedBefore(dir.path, 0);
    const other = REQUEST.replaceAll("0", "f");
    writeSource(dir.path, REQUEST, { key, ...record });
    writeSource(dir.path, other, { key: { ...key, hex: "0".repeat(64) }, ...record });
    writeFileSync(dir.file("sources", "odd"), "");
    await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 0 }, NOW);
    expect(readSource(dir.path, REQUEST)).toEqual({ key, ...record });
    expect(readSource(dir.path, other)).toBeUndefined();
  });

  test("a download that nobody took up for a week goes, a younger one stays", async () => {
    await using dir = tempDir();
    makeCache(dir.path);
    const old = [`${REQUEST}.part`, REQUEST].map((name) => dir.file("parts", name));
    const journal = dir.file(".0123456789abcdef.download");
    const young = dir.file("parts", `${"a".repeat(32)}.part`);
    for (const path of [...old, journal, young]) writeFileSync(path, "half");
    for (const path of [...old, journal]) utimesSync(path, (NOW - 8 * DAY) / 1000, (NOW - 8 * DAY) / 1000);
    utimesSync(young, (NOW - DAY) / 1000, (NOW - DAY) / 1000);
    await collectCache(dir.path, { maxBytes: 0, maxAgeMillis: 0 }, NOW);
    for (const path of [...old, journal]) expect(existsSync(path)).toBe(false);
    expect(existsSync(young)).toBe(true);
  });

  test("what a killed agent had under way goes at the next one's start, downloads that may go on stay", async () => {
    await using dir = tempDir();
    sweepCache(dir.file("absent"));
    makeCache(dir.path);
    const downloads = [REQUEST, `${REQUEST}.part`];
    for (const name of [...downloads, "1.pin"]) writeFileSync(dir.file("parts", name), "x");
    for (const name of ["1.entry", "1.gone", "1.unpacking"]) {
      mkdirSync(dir.file("parts", name));
      writeFileSync(dir.file("parts", name, "content"), "x");
    }
    sweepCache(dir.path);
    expect(readdirSync(dir.file("parts")).sort()).toEqual(downloads);
  });
});
