import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startArtifactWorker } from "../../src/artifact/run-worker.ts";
import { lookUp } from "../../src/cache/entry.ts";
import { type EntryKey, filesOf } from "../../src/cache/key.ts";
import { listDamaged, setAside } from "../../src/cache/remove.ts";
import { downloadJournal } from "../../src/paths.ts";
import { tarOf } from "../helpers/archives.ts";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";
import { sha256 } from "../helpers/cache.ts";
import { hexOf } from "../helpers/hash.ts";
import { PACKED, PLAIN } from "../helpers/packed.ts";
import { TEMP_PREFIX } from "../helpers/temp.ts";

const here = artifactBench();
const { getByWorker } = here;

const url = (): string => here.origin.url("/a.img");
const local = (...names: string[]): string => join(here.dirs.local, ...names);

describe("an entry that is damaged", () => {
  const damages: [string, (content: string) => void][] = [
    ["cut", (content) => truncateSync(content, 5)],
    ["gone", (content) => rmSync(content)],
    ["written to", (content) => writeFileSync(content, Buffer.alloc(BODY.length))],
  ];
  test.each(damages)("because its file is %s is set aside and fetched again", async (_, damage) => {
    const wanted = { checksum: sum("sha256"), destination: "local/b" };
    await getByWorker(url(), { checksum: sum("sha256") });
    const { content } = filesOf(here.cache, sha256(BODY));
    if (existsSync(content)) chmodSync(content, 0o644);
    damage(content);
    const told: string[] = [];
    const got = await getByWorker(url(), wanted, { onDamaged: (message) => void told.push(message) });
    expect(got.cached).toBe(false);
    expect(told).toEqual([expect.stringContaining(`${sum("sha256")} is damaged (its content `)]);
    expect(readFileSync(local("b", "a.img")).equals(BODY)).toBe(true);
    expect(listDamaged(here.cache)).toHaveLength(1);
    expect(lookUp(here.cache, sha256(BODY)).kind).toBe("there");
  });

  /** What only reading all of it can find. */
  function rot(key: EntryKey): void {
    const { content } = filesOf(here.cache, key);
    const { mtimeMs } = statSync(content);
    const bytes = readFileSync(content);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    chmodSync(content, 0o644);
    writeFileSync(content, bytes);
    chmodSync(content, 0o444);
    utimesSync(content, mtimeMs / 1000, mtimeMs / 1000);
  }

  test("by a byte, size and time being right, is not found by a look", async () => {
    await getByWorker(url(), { checksum: sum("sha256") });
    rot(sha256(BODY));
    expect(lookUp(here.cache, sha256(BODY)).kind).toBe("there");
  });

  test.each([
    ["compressed file", "/d.img.gz", PACKED.gz, "d.img", PLAIN],
    ["archive", "/d.tar", tarOf({ name: "d", body: PLAIN }), "d", PLAIN],
  ])("by a byte is found when a %s cannot be unpacked any more", async (_, path, body, name, plain) => {
    here.origin.set(path, { kind: "bytes", body });
    const wanted = { checksum: sum("sha256", body) };
    await getByWorker(here.origin.url(path), wanted);
    const key = sha256(body);
    const files = filesOf(here.cache, key);
    rmSync(files.unpacked, { force: true });
    writeFileSync(files.record, readFileSync(files.record, "utf8").replace(/"unpacked":\{[^}]*\}/, '"unpacked":null'));
    rot(key);
    if (path.endsWith(".tar")) {
      const bytes = readFileSync(files.content);
      const { mtimeMs } = statSync(files.content);
      chmodSync(files.content, 0o644);
      // The first header's checksum.
      writeFileSync(files.content, Buffer.concat([Buffer.from("?"), bytes.subarray(1)]));
      utimesSync(files.content, mtimeMs / 1000, mtimeMs / 1000);
    }
    const got = await getByWorker(here.origin.url(path), { ...wanted, destination: "local/b" });
    expect(got).toMatchObject({ cached: false, unpacked: { files: 1 } });
    expect(readFileSync(local("b", name)).equals(plain)).toBe(true);
    expect(here.origin.count(path)).toBe(2);
    expect(listDamaged(here.cache)).toHaveLength(1);
  });
});

test("an entry that is set aside while it is placed is fetched again", async () => {
  await getByWorker(url(), { checksum: sum("sha256") });
  const key = sha256(BODY);
  let placings = 0;
  const got = await getByWorker(url(), { checksum: sum("sha256"), destination: "local/b" }, {}, () => {
    if (placings++ === 0) setAside(here.cache, key);
    return startArtifactWorker();
  });
  expect(got.cached).toBe(false);
  expect(readFileSync(local("b", "a.img")).equals(BODY)).toBe(true);
  expect(lookUp(here.cache, key).kind).toBe("there");
});

describe("a file gets to its destination", () => {
  test("as another name of the cache's, which nobody may write to", async () => {
    const got = await getByWorker(url(), {}, { placing: "link" });
    const { content } = filesOf(here.cache, sha256(BODY));
    expect(got.linked).toEqual({ path: content, checksum: sum("sha256") });
    expect(statSync(got.path)).toMatchObject({ ino: statSync(content).ino, nlink: 2 });
    expect(statSync(got.path).mode & 0o777).toBe(0o444);
    const again = await getByWorker(url(), { checksum: sum("sha256") }, { placing: "link" });
    expect(again).toMatchObject({ cached: true, linked: { path: content } });
    expect(statSync(got.path).nlink).toBe(2);
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
  });

  test("as a copy of its own, which may be written to and leaves the cache's as it was", async () => {
    const got = await getByWorker(url());
    expect(got.linked).toBeNull();
    expect(statSync(got.path)).toMatchObject({ nlink: 1 });
    expect(statSync(got.path).mode & 0o777).toBe(0o644);
    writeFileSync(got.path, "guest");
    expect(readFileSync(filesOf(here.cache, sha256(BODY)).content).equals(BODY)).toBe(true);
  });

  test("as a link in place of a copy that somebody may have written to", async () => {
    writeFileSync(local("a.img"), BODY);
    const got = await getByWorker(url(), { checksum: sum("sha256") }, { placing: "link" });
    expect(got.linked).not.toBeNull();
    expect(statSync(local("a.img")).nlink).toBe(2);
  });

  test.each(["link", "own"] as const)("unpacked once for all, by %s", async (placing) => {
    here.origin.set("/d.img.xz", { kind: "bytes", body: PACKED.xz });
    const source = here.origin.url("/d.img.xz");
    const wanted = { checksum: sum("sha256", PACKED.xz) };
    const first = await getByWorker(source, wanted, { placing });
    expect(first).toMatchObject({ path: local("d.img"), unpacked: { files: 1, bytes: PLAIN.length } });
    const { unpacked } = filesOf(here.cache, sha256(PACKED.xz));
    expect(first.linked?.path ?? null).toBe(placing === "link" ? unpacked : null);
    const again = await getByWorker(source, { ...wanted, destination: "local/b" }, { placing });
    expect(again).toMatchObject({ cached: true, unpacked: null });
    expect(readFileSync(local("b", "d.img")).equals(PLAIN)).toBe(true);
    expect(statSync(unpacked).mode & 0o777).toBe(0o444);
  });

  test.each(["link", "own"] as const)("by %s, never through a link that a machine planted", async (placing) => {
    writeFileSync(here.dir.file("victim"), "precious");
    symlinkSync(here.dir.file("victim"), local("a.img.part"));
    await getByWorker(url(), {}, { placing });
    expect(readFileSync(here.dir.file("victim"), "utf8")).toBe("precious");
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
    symlinkSync(here.dir.file("victim"), local("b.img"));
    const promise = getByWorker(`${url()}?filename=b.img`, {}, { placing });
    await expect(promise).rejects.toThrow("found a symbolic link");
    mkdirSync(here.dir.file("outside"));
    symlinkSync(here.dir.file("outside"), local("out"));
    await expect(getByWorker(url(), { destination: "local/out" }, { placing })).rejects.toThrow(
      "found a symbolic link",
    );
    expect(readdirSync(here.dir.file("outside"))).toEqual([]);
    expect(here.origin.requests).toHaveLength(1);
  });

  const elsewhere = "/dev/shm";
  const isElsewhere = existsSync(elsewhere) && statSync(elsewhere).dev !== statSync(tmpdir()).dev;
  test.skipIf(!isElsewhere)("as a copy when the cache is on another file system", async () => {
    const cache = mkdtempSync(join(elsewhere, TEMP_PREFIX));
    try {
      for (const cached of [false, true]) {
        const wanted = { checksum: sum("sha256"), destination: `local/${cached}` };
        const got = await getByWorker(url(), wanted, { cache, placing: "link" });
        expect(got).toMatchObject({ linked: { path: got.path, checksum: sum("sha256") }, cached });
        expect(readFileSync(got.path).equals(BODY)).toBe(true);
        expect(readdirSync(join(here.dirs.local, `${cached}`))).toEqual(["a.img"]);
      }
      expect(lookUp(cache, sha256(BODY))).toMatchObject({ kind: "there", entry: { pins: 0 } });
    } finally {
      rmSync(cache, { recursive: true });
    }
  });

  test("and what a former version left there of a download goes", async () => {
    writeFileSync(local("a.img.part"), "half");
    // It is keyed by the names below the allocation directory.
    const plan = here.plan(url());
    const name = JSON.stringify([...plan.target.folders, plan.target.fileName]);
    const journal = downloadJournal(here.dirs.alloc, hexOf(name).slice(0, 16));
    writeFileSync(journal, "{}");
    await getByWorker(url());
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
    expect(existsSync(journal)).toBe(false);
  });
});

test("an entry keeps its file when the machine whose name it has is gone", async () => {
  const got = await getByWorker(url(), {}, { placing: "link" });
  linkSync(got.path, here.dir.file("another name"));
  rmSync(here.dirs.alloc, { recursive: true });
  expect(lookUp(here.cache, sha256(BODY))).toMatchObject({ kind: "there", entry: { pins: 1 } });
});
