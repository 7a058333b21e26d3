import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { BundleLoads, LoadedBundle, LoadWish } from "../../src/agent/bundles.ts";
import { AppError } from "../../src/base/errors.ts";
import { planBundle } from "../../src/bundle/make.ts";
import { writeBundle } from "../../src/bundle/write.ts";
import { listEntries, lookUp } from "../../src/cache/entry.ts";
import { filesOf, formatKey } from "../../src/cache/key.ts";
import { readSource } from "../../src/cache/source.ts";
import { keyFor, makeBundle, publicPem, REQUEST, signingKey, type TestBundle } from "../helpers/bundle.ts";
import { putEntry } from "../helpers/cache.ts";
import { bundlesOf } from "../helpers/cache-uses.ts";
import { manualClock } from "../helpers/manual-clock.ts";
import { refusal } from "../helpers/refusal.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const FIRST = Buffer.alloc(3 << 20, "first");
const SECOND = Buffer.concat([Buffer.alloc(1 << 20, "second"), Buffer.alloc(8 << 20)]);
setDefaultTimeout(60_000);
const dir = tempPerTest();
let cache: string;
let loads: BundleLoads;
let keys: string;

beforeEach(() => {
  cache = dir.file("data", "cache");
  keys = dir.file("keys.pem");
  writeFileSync(keys, publicPem("ours"));
  loads = bundlesOf(dir.file("data"), keys);
});

const NOBODY: LoadWish = { trustedKeys: [], allowUnsigned: false };

async function made(wanted: TestBundle): Promise<Buffer> {
  await makeBundle(dir.file("a.tar"), wanted);
  return readFileSync(dir.file("a.tar"));
}

async function loadBytes(bytes: Uint8Array, wish = NOBODY, by = loads): Promise<LoadedBundle> {
  const id = by.open(wish);
  for (let at = 0; at < bytes.length; at += 1 << 20) await by.feed(id, at, bytes.subarray(at, at + (1 << 20)));
  return await by.finish(id);
}

const load = async (wanted: TestBundle): Promise<LoadedBundle> => await loadBytes(await made(wanted));

/** Everything in the cache that is, or is going to be, an entry. */
function inCache(): string[] {
  const parts = existsSync(`${cache}/parts`) ? readdirSync(`${cache}/parts`) : [];
  return [...listEntries(cache).map(({ key }) => formatKey(key)), ...parts];
}

describe("a bundle that is loaded", () => {
  test("is in the cache as if it had been fetched, with its holes, and is found by its requests", async () => {
    const loaded = await load({
      artifacts: [{ body: FIRST }, { body: SECOND, request: REQUEST }, { body: FIRST, type: "md5" }],
    });
    expect(loaded).toMatchObject({ there: [], bytes: FIRST.length * 2 + SECOND.length });
    expect(loaded.added.map(formatKey)).toEqual(
      [FIRST, SECOND].map((body) => formatKey(keyFor(body))).concat(formatKey(keyFor(FIRST, "md5"))),
    );
    const { content } = filesOf(cache, keyFor(SECOND));
    expect(readFileSync(content).equals(SECOND)).toBe(true);
    expect(statSync(content).blocks * 512).toBeLessThan(2 << 20);
    expect(statSync(content).mode & 0o777).toBe(0o444);
    expect(lookUp(cache, keyFor(FIRST, "md5")).kind).toBe("there");
    expect(readSource(cache, REQUEST)).toMatchObject({ key: keyFor(SECOND), validator: null });
    expect(readdirSync(`${cache}/parts`)).toEqual([]);
  });

  test("leaves what lies there already as it is, and reads it all the same", async () => {
    putEntry(cache, FIRST);
    const before = statSync(filesOf(cache, keyFor(FIRST)).content).ino;
    const bytes = await made({ artifacts: [{ body: FIRST }, { body: SECOND }] });
    expect(await loadBytes(bytes)).toMatchObject({ there: [keyFor(FIRST)], added: [keyFor(SECOND)] });
    expect(statSync(filesOf(cache, keyFor(FIRST)).content).ino).toBe(before);
    bytes[bytes.indexOf("firstfirst") + 1] = 0;
    expect((await refusal(loadBytes(bytes))).message).toContain("artifacts/0-sha256-");
  });

  test("may be loaded again when something of it went", async () => {
    const bytes = await made({ artifacts: [{ body: FIRST }, { body: SECOND }] });
    await loadBytes(bytes);
    rmSync(filesOf(cache, keyFor(FIRST)).dir, { recursive: true });
    expect(await loadBytes(bytes)).toMatchObject({ added: [keyFor(FIRST)], there: [keyFor(SECOND)] });
  });

  test("takes the place of a damaged entry", async () => {
    putEntry(cache, FIRST);
    writeFileSync(filesOf(cache, keyFor(FIRST)).record, "{}");
    expect(await load({ artifacts: [{ body: FIRST }] })).toMatchObject({ added: [keyFor(FIRST)] });
    expect(lookUp(cache, keyFor(FIRST)).kind).toBe("there");
  });
});

describe("nothing of a bundle is loaded", () => {
  test("when its last byte is wrong, or does not come", async () => {
    const bytes = await made({ artifacts: [{ body: FIRST }, { body: SECOND }] });
    expect((await refusal(loadBytes(bytes.subarray(0, -1)))).message).toContain("cut off");
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1] = 1;
    expect((await refusal(loadBytes(damaged))).message).toContain("damaged at byte");
    expect(inCache()).toEqual([]);
    expect(existsSync(dir.file("data", "bundles.json"))).toBe(false);
    await loadBytes(bytes);
  });

  test("when it was signed by somebody else, or by nobody", async () => {
    const key = signingKey("theirs");
    const body = { artifacts: [{ body: FIRST }] };
    expect((await refusal(load({ ...body, key }))).message).toContain("which is not trusted here");
    expect((await refusal(load({ ...body, key: null }))).message).toContain("it is not signed");
    expect(inCache()).toEqual([]);
  });

  test("when it is older than the last one, also by an agent that was started anew", async () => {
    const old = await made({ artifacts: [{ body: FIRST }], sequence: 5 });
    await load({ artifacts: [{ body: SECOND }], sequence: 6 });
    const error = await refusal(loadBytes(old, NOBODY, bundlesOf(dir.file("data"), keys)));
    expect(error.message).toContain("it has sequence 5, and 6 of the same key was loaded before");
    expect(inCache()).toEqual([formatKey(keyFor(SECOND))]);
  });

  test("when it is older than one whose artifacts did not all get their names, which may come again", async () => {
    const old = await made({ artifacts: [{ body: FIRST }], sequence: 5 });
    const id = loads.open(NOBODY);
    await loads.feed(id, 0, await made({ artifacts: [{ body: Buffer.from("short") }], sequence: 6 }));
    writeFileSync(`${cache}/sha256`, "in the way");
    expect((await refusal(loads.finish(id))).message).toContain("0 of 1 artifacts");
    rmSync(`${cache}/sha256`);
    expect((await refusal(loadBytes(old))).message).toContain("6 of the same key was loaded before");
    expect((await load({ artifacts: [{ body: Buffer.from("short") }], sequence: 6 })).added).toHaveLength(1);
  });

  test("when nobody can tell any more what was loaded before", async () => {
    await load({ sequence: 6 });
    writeFileSync(dir.file("data", "bundles.json"), "{");
    expect((await refusal(load({ sequence: 7 }))).message).toContain("says which bundles were loaded before");
  });

  test("when its manifest calls bytes by another's md5", async () => {
    const wrong = Buffer.alloc(100, "x");
    await makeBundle(dir.file("b.tar"), { artifacts: [{ body: wrong }] });
    const told = { key: keyFor(FIRST, "md5"), bytes: 100, sha256: keyFor(wrong).hex, source: "http://h/a" };
    const gathered = { ...told, path: dir.file("b.tar.0.artifact") };
    const options = { key: signingKey("ours"), sequence: 1, now: 0, base: null };
    const source = planBundle({ jobs: [], binaries: [], gathering: { artifacts: [gathered], requests: [] } }, options);
    await writeBundle(dir.file("c.tar"), source, { signal: new AbortController().signal, onProgress: () => undefined });
    expect((await refusal(loadBytes(readFileSync(dir.file("c.tar"))))).message).toContain(
      "its manifest calls a file md5:",
    );
    expect(inCache()).toEqual([]);
  });

  test("when it only adds to one that was never loaded, and all that lacks is told", async () => {
    const base = await makeBundle(dir.file("base.tar"), { artifacts: [{ body: FIRST }] });
    const artifacts = [{ body: FIRST }, { body: SECOND }];
    const delta = await made({ artifacts, base, sequence: 101 });
    expect(delta.length).toBeLessThan(SECOND.length + (1 << 20));
    const error = await refusal(loadBytes(delta));
    expect(error.message).toContain("only adds to the bundle with sequence 100");
    expect(error.message).toContain(`  ${formatKey(keyFor(FIRST))} (http://h/0.img)`);
    expect(error.message).not.toContain(formatKey(keyFor(SECOND)));
    expect(inCache()).toEqual([]);
    await loadBytes(readFileSync(dir.file("base.tar")));
    expect(await loadBytes(delta)).toMatchObject({ added: [keyFor(SECOND)], there: [keyFor(FIRST)] });
  });
});

test.skipIf(process.getuid?.() !== 0)(
  "a disk that others fill while a bundle comes keeps what is not for bundles",
  async () => {
    const body = randomBytes(12 << 20);
    const bytes = await made({ artifacts: [{ body }] });
    mkdirSync(dir.file("data"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=711", "none", dir.file("data")]);
    try {
      const id = loads.open(NOBODY);
      await loads.feed(id, 0, bytes.subarray(0, 4 << 20));
      writeFileSync(dir.file("data", "others"), Buffer.alloc(34 << 20));
      const error = await refusal(loads.feed(id, 4 << 20, bytes.subarray(4 << 20)));
      expect(error.message).toMatch(
        /^the bundle is not loaded: no space left on the disk: free .* are not for downloads$/,
      );
      expect(inCache()).toEqual([]);
      rmSync(dir.file("data", "others"));
      expect(await loadBytes(bytes)).toMatchObject({ bytes: body.length });
    } finally {
      execFileSync("umount", ["--lazy", dir.file("data")]);
    }
  },
);

describe("who may be trusted", () => {
  test("is the configuration's word alone where it names somebody", async () => {
    const bytes = await made({ key: signingKey("theirs") });
    const wishes = [
      { ...NOBODY, allowUnsigned: true },
      { ...NOBODY, trustedKeys: [publicPem("theirs")] },
    ];
    for (const wish of wishes) expect((await refusal(loadBytes(bytes, wish))).message).toContain("nobody else is");
  });

  test("is the word of whoever loads it elsewhere", async () => {
    const free = bundlesOf(dir.file("data"), null);
    const bytes = await made({ key: signingKey("theirs") });
    expect((await refusal(loadBytes(bytes, NOBODY, free))).message).toContain("no key is trusted here");
    expect(await loadBytes(bytes, { ...NOBODY, trustedKeys: [publicPem("theirs")] }, free)).toMatchObject({
      added: [],
    });
    expect(await loadBytes(await made({ key: null }), { ...NOBODY, allowUnsigned: true }, free)).toMatchObject({
      added: [],
    });
  });

  test("is nobody when everybody may write to the file of keys", async () => {
    chmodSync(keys, 0o666);
    expect((await refusal(load({}))).message).toContain("everybody may write to");
    rmSync(keys);
    expect((await refusal(load({}))).code).toBe("not_found");
  });
});

describe("a load", () => {
  test("is one at a time, and one that falls silent is given up with all that it brought", async () => {
    const clock = manualClock();
    const silent = bundlesOf(dir.file("data"), keys, clock);
    const bytes = await made({ artifacts: [{ body: FIRST }] });
    silent.open(NOBODY);
    clock.advance(60_000);
    const id = silent.open(NOBODY);
    await silent.feed(id, 0, bytes.subarray(0, 2 << 20));
    expect(inCache()).toHaveLength(1);
    expect(() => silent.open(NOBODY)).toThrow("another bundle is being loaded");
    clock.advance(60_000);
    await until("nothing of it to be left", () => inCache().length === 0);
    expect((await refusal(silent.feed(id, 2 << 20, bytes.subarray(2 << 20)))).code).toBe("not_found");
    await loadBytes(bytes, NOBODY, silent);
  });

  test("takes its bytes in order, and is over with the first failure", async () => {
    const bytes = await made({ artifacts: [{ body: FIRST }] });
    const id = loads.open(NOBODY);
    await loads.feed(id, 0, bytes.subarray(0, 1000));
    expect((await refusal(loads.feed(id, 999, bytes.subarray(999)))).message).toContain(
      "from 1000 on, found those from 999 on",
    );
    const taken = loads.feed(id, 1000, bytes.subarray(1000, 2000));
    expect(await refusal(loads.feed(id, 1000, bytes.subarray(1000, 2000)))).toMatchObject({
      code: "conflict",
      message: "the load takes one piece at a time",
    });
    await taken;
    expect((await refusal(loads.feed(id, 2000, Buffer.alloc(1 << 20)))).code).toBe("invalid");
    expect(await refusal(loads.finish(id))).toBeInstanceOf(AppError);
    await loadBytes(bytes);
  });

  test("that is given up leaves nothing", async () => {
    const bytes = await made({ artifacts: [{ body: FIRST }] });
    const id = loads.open(NOBODY);
    await loads.feed(id, 0, bytes.subarray(0, 2 << 20));
    loads.abandon(id);
    await until("nothing of it to be left", () => inCache().length === 0);
    await loadBytes(bytes);
  });
});
