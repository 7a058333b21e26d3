import { beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { listEntries, lookUp, mtimeOf } from "../../src/cache/entry.ts";
import { type EntryKey, filesOf } from "../../src/cache/key.ts";
import { writeRecord } from "../../src/cache/record.ts";
import { rehash } from "../../src/cache/rehash.ts";
import { listDamaged, removeEntrySync } from "../../src/cache/remove.ts";
import { type VerifyOptions, verifyEntry } from "../../src/cache/verify.ts";
import { putEntry } from "../helpers/cache.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";

const dir = tempPerTest();
let cache: string;
beforeEach(() => {
  cache = dir.file("cache");
});

const quiet: VerifyOptions = { signal: new AbortController().signal, onProgress: () => undefined };

/** Another byte in a file whose size and times stay, as a disk that forgets leaves it. */
function damage(path: string): void {
  const { atime, mtime } = statSync(path);
  chmodSync(path, 0o644);
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

/** Gives a compressed entry what it holds. */
function putUnpacked(key: EntryKey, body: Uint8Array): void {
  const found = lookUp(cache, key);
  if (found.kind !== "there") throw new Error(found.kind);
  const { files, record } = found.entry;
  writeFileSync(files.unpacked, body);
  const mtime = mtimeOf(statSync(files.unpacked));
  writeRecord(files.record, { ...record, unpacked: { format: "gz", bytes: body.length, mtime } });
}

test.each(["sha256", "sha512", "sha1", "md5"] as const)(
  "an entry by %s whose bytes are right is sound",
  async (type) => {
    const key = putEntry(cache, Buffer.alloc(3 << 20, "image"), type);
    expect(await verifyEntry(cache, key, quiet)).toEqual({ kind: "sound", bytes: 3 << 20 });
    expect(lookUp(cache, key).kind).toBe("there");
  },
);

test("one wrong byte is found, and the entry is set aside with it", async () => {
  const key = putEntry(cache, Buffer.alloc(1 << 20, "image"));
  damage(filesOf(cache, key).content);
  expect(lookUp(cache, key).kind).toBe("there");
  const verdict = await verifyEntry(cache, key, quiet);
  expect(verdict).toMatchObject({
    kind: "damaged",
    why: expect.stringMatching(/^its content is sha256:[0-9a-f]{12}…$/),
  });
  expect(lookUp(cache, key).kind).toBe("absent");
  expect(listDamaged(cache).map(({ path }) => path)).toEqual(
    verdict.kind === "damaged" ? [verdict.setAside ?? ""] : [],
  );
});

test("an entry that is cut off is set aside without reading it", async () => {
  const key = putEntry(cache, Buffer.alloc(4096));
  truncateSync(filesOf(cache, key).content, 100);
  const start = (): Worker => {
    throw new Error("no Worker was to be started");
  };
  expect(await verifyEntry(cache, key, quiet, start)).toMatchObject({
    kind: "damaged",
    why: "its content has 100 bytes, expected 4096",
  });
  expect(listEntries(cache)).toEqual([]);
});

test("what is not there is absent", async () => {
  const key = putEntry(dir.file("other"), Buffer.alloc(10));
  expect(await verifyEntry(cache, key, quiet)).toEqual({ kind: "absent" });
});

test("an unpacked file is compared with what the content holds", async () => {
  const body = Buffer.alloc(2 << 20, "unpacked");
  const key = putEntry(cache, gzipSync(body));
  putUnpacked(key, body);
  expect(await verifyEntry(cache, key, quiet)).toMatchObject({ kind: "sound" });
  damage(filesOf(cache, key).unpacked);
  expect(await verifyEntry(cache, key, quiet)).toMatchObject({
    kind: "damaged",
    why: expect.stringContaining("its unpacked file differs from its content after "),
  });
});

test("an unpacked file that is longer than what the content holds is damaged", async () => {
  const key = putEntry(cache, gzipSync(Buffer.from("short")));
  putUnpacked(key, Buffer.from("short and more"));
  expect(await verifyEntry(cache, key, quiet)).toMatchObject({
    kind: "damaged",
    why: "its unpacked file has 14 bytes, expected 5",
  });
});

test("a large entry tells how far it is read, and is left alone when nobody wants to know any more", async () => {
  const key = putEntry(cache, Buffer.alloc(96 << 20));
  const gone = new AbortController();
  const seen: [number, number][] = [];
  const reason = new Error("gone");
  const onProgress = (bytes: number, total: number): void => {
    seen.push([bytes, total]);
    gone.abort(reason);
  };
  const failure = await verifyEntry(cache, key, { signal: gone.signal, onProgress }).catch((error: unknown) => error);
  expect(failure).toBe(reason);
  expect(seen).toEqual([[16 << 20, 96 << 20]]);
  expect(existsSync(filesOf(cache, key).content)).toBe(true);
});

test("what a disk has lost is damaged, what the host could not do just now is not", async () => {
  const key = putEntry(cache, Buffer.alloc(10));
  const { record } = filesOf(cache, key);
  const task = (content: string) => ({
    files: { ...filesOf(cache, key), content },
    record: JSON.parse(readFileSync(record, "utf8")),
    checksum: key,
  });
  const look = (content: string) => rehash(task(content), () => undefined, new AbortController().signal);
  const lost = new Error("EIO: i/o error") as Error & { code: string };
  lost.code = "EIO";
  const onBytes = (): never => {
    throw lost;
  };
  const { content } = filesOf(cache, key);
  expect(await rehash(task(content), onBytes, quiet.signal)).toBe("it cannot be read from the disk: EIO");
  expect(String(await look(dir.file("gone")).catch((error: unknown) => error))).toContain("ENOENT");
});

test("an entry that goes while it is read is absent, and no failure", async () => {
  const key = putEntry(cache, Buffer.alloc(10));
  const start = (): Worker => {
    removeEntrySync(cache, key);
    return new Worker(new URL("../../src/cache/verify-worker.ts", import.meta.url).href);
  };
  expect(await verifyEntry(cache, key, quiet, start)).toEqual({ kind: "absent" });
});

test("an entry that goes while it is read, and is fetched anew, is absent, and the new one stays", async () => {
  const body = Buffer.alloc(10);
  const key = putEntry(cache, body);
  // Held, so that the new one is another inode.
  linkSync(filesOf(cache, key).content, dir.file("held"));
  const start = (): Worker => {
    rmSync(filesOf(cache, key).dir, { recursive: true });
    putEntry(cache, body);
    return new Worker(URL.createObjectURL(new Blob(["throw new Error('ENOENT')"])));
  };
  expect(await verifyEntry(cache, key, quiet, start)).toEqual({ kind: "absent" });
  expect(lookUp(cache, key).kind).toBe("there");
});

test("a Worker that dies is no verdict: the entry stays", async () => {
  const key = putEntry(cache, Buffer.alloc(10));
  const start = (): Worker => new Worker(URL.createObjectURL(new Blob(["throw new Error('broken')"])));
  const failure = await verifyEntry(cache, key, quiet, start).catch((error: unknown) => error);
  expect(String(failure)).toContain("could not be read");
  expect(lookUp(cache, key).kind).toBe("there");
});
