import { expect, test } from "bun:test";
import { linkSync, readdirSync } from "node:fs";
import { beginInstallation } from "../../../src/bundle/install.ts";
import { membersOf } from "../../../src/bundle/layout.ts";
import type { Manifest } from "../../../src/bundle/manifest.ts";
import { type Entry, lookUp } from "../../../src/cache/entry.ts";
import { type EntryKey, filesOf } from "../../../src/cache/key.ts";
import { keyFor } from "../../helpers/bundle.ts";
import { putEntry } from "../../helpers/cache.ts";
import { hexOf } from "../../helpers/hash.ts";
import { tempDir } from "../../helpers/temp.ts";

const BODY = Buffer.from("body");
const OLD = Buffer.from("old");

function entryOf(cache: string, key: EntryKey): Entry {
  const found = lookUp(cache, key);
  if (found.kind !== "there") throw new Error(found.kind);
  return found.entry;
}

const ALL = { now: Date.now, maxBytes: 0 };

function manifestOf(bytes: number): Manifest {
  const artifact = { key: keyFor(BODY), bytes, sha256: hexOf(BODY), source: "http://h/a", packed: true };
  const old = { ...artifact, key: keyFor(OLD), sha256: hexOf(OLD), bytes: 2 ** 43 };
  return {
    ...{
      sequence: 1,
      created: "2026-01-02T03:04:05.000Z",
      key: null,
      base: null,
      jobs: [],
      binaries: [],
      requests: [],
    },
    artifacts: [artifact, old],
  };
}

test("a bundle for which there is no room is refused before it comes, and nothing is removed for it", async () => {
  await using dir = tempDir();
  putEntry(dir.path, OLD);
  expect(() => beginInstallation(dir.path, manifestOf(2 ** 43), ALL)).toThrow(
    /^no room for the bundle: needed 8 TiB, free /,
  );
  expect(lookUp(dir.path, keyFor(OLD)).kind).toBe("there");
  expect(readdirSync(`${dir.path}/parts`)).toEqual([]);
});

test("what a bundle finds in the cache stays there until the bundle is loaded or given up, and needs no room", async () => {
  await using dir = tempDir();
  putEntry(dir.path, OLD);
  const installation = beginInstallation(dir.path, manifestOf(4), ALL);
  expect(lookUp(dir.path, keyFor(OLD))).toMatchObject({ entry: { pins: 1 } });
  installation.close();
  expect(lookUp(dir.path, keyFor(OLD))).toMatchObject({ entry: { pins: 0 } });
});

test("a bundle is refused before anything of it has a name when the cache may not keep it beside what machines use", async () => {
  await using dir = tempDir();
  const used = putEntry(dir.path, Buffer.alloc(8192, "used"));
  putEntry(dir.path, OLD);
  putEntry(dir.path, Buffer.alloc(1 << 20, "nobody's"));
  linkSync(filesOf(dir.path, used).content, dir.file("machine"));
  const { allocated } = entryOf(dir.path, used);
  const load = async (maxBytes: number): Promise<void> => {
    const manifest = manifestOf(BODY.length);
    const installation = beginInstallation(dir.path, manifest, { now: Date.now, maxBytes });
    try {
      for (const member of membersOf(manifest).filter(({ bytes }) => bytes === BODY.length)) {
        await installation.begin(member);
        await installation.write(BODY);
        await installation.end();
      }
      installation.assertKept();
      installation.commit();
    } finally {
      installation.close();
    }
  };
  const needed = allocated + entryOf(dir.path, keyFor(OLD)).allocated + 4096;
  await expect(load(needed - 1)).rejects.toThrow(
    /^the bundle is not loaded: with it and what machines use .*, and may/,
  );
  expect(lookUp(dir.path, keyFor(BODY)).kind).toBe("absent");
  expect(readdirSync(`${dir.path}/parts`)).toEqual([]);
  await load(needed);
  expect(lookUp(dir.path, keyFor(BODY)).kind).toBe("there");
});
