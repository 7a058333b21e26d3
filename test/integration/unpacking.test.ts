import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DEFAULT_LIMITS } from "../../src/archive/limits.ts";
import { acquire } from "../../src/artifact/acquire.ts";
import { LEAVE } from "../../src/artifact/download/download.ts";
import type { ArtifactPlan } from "../../src/artifact/plan.ts";
import type { Brought } from "../../src/artifact/unpack/fetched.ts";
import type { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { tarOf, zipOf } from "../helpers/archives.ts";
import { artifactBench, byCache, fetchHere, sum, type Wanted } from "../helpers/artifact.ts";
import { PACKED, PLAIN } from "../helpers/packed.ts";
import { refusal } from "../helpers/refusal.ts";
import { listing } from "../helpers/unpacking.ts";
import { until } from "../helpers/until.ts";

const TREE = tarOf(
  { name: "boot/", type: "5" },
  { name: "boot/vmlinuz", body: "kernel" },
  { name: "disk.raw", body: "disk" },
);

const here = artifactBench();

/** The plan for an archive that the origin serves. */
function serve(path: string, body: Uint8Array, wanted: Wanted = {}): ArtifactPlan {
  here.origin.set(path, { kind: "bytes", body });
  return here.plan(here.origin.url(path), wanted);
}

async function get(plan: ArtifactPlan, limits = DEFAULT_LIMITS): Promise<Brought> {
  return await fetchHere(plan, here.cache, {}, limits);
}

const local = (...names: string[]): string => join(here.dirs.local, ...names);

describe("by a Worker, from an origin", () => {
  test("a tar.gz fills the destination, proved by the checksum of the archive", async () => {
    const archive = gzipSync(TREE);
    const checksum = sum("sha256", archive);
    const plan = serve("/tree.tar.gz", archive, { checksum });
    const silent = { signal: new AbortController().signal, onProgress: () => undefined, log: silentLog };
    const defaults = { ...silent, ...byCache(here.dir.path) };
    const got = await acquire(plan, defaults);
    expect(got).toMatchObject({ path: here.dirs.local, checksum, unpacked: { files: 2, bytes: 10 } });
    expect(listing(here.dirs.local)).toEqual(["boot", "boot/vmlinuz", "disk.raw"]);
    expect(lstatSync(local("boot")).mode & 0o777).toBe(0o755);
  });

  test.each(["gz", "zst", "xz", "bz2"] as const)("a bare disk.img.%s becomes disk.img", async (word) => {
    const got = await get(serve(`/disk.img.${word}`, PACKED[word]));
    expect(got).toMatchObject({ unpacked: { files: 1, bytes: PLAIN.length } });
    expect(readFileSync(local("disk.img")).equals(PLAIN)).toBe(true);
    expect(listing(here.dirs.local)).toEqual(["disk.img"]);
  });

  test("mode file takes the one file of an archive, and refuses more than one", async () => {
    const one = serve("/a.zip", zipOf({ name: "deep/x.raw", body: "disk" }), {
      mode: "file",
      destination: "local/vm.img",
    });
    await get(one);
    expect(readFileSync(local("vm.img"), "utf8")).toBe("disk");
    const two = serve("/b.tar", TREE, { mode: "file", destination: "local/other.img" });
    expect((await refusal(get(two))).message).toContain('mode = "file" needs an archive with one file, found 2');
    expect(listing(here.dirs.local)).toEqual(["vm.img"]);
  });
});

describe("what fails leaves nothing behind", () => {
  test.each([
    ["an entry that climbs out", tarOf({ name: "good", body: "g" }, { name: "../bad", body: "b" }), 'entry "../bad"'],
    ["an archive that ends early", TREE.subarray(0, 1700), "the tar archive ends too early"],
    ["what is no archive", Buffer.from("<html>".repeat(200)), "this is no tar archive"],
  ])("%s", async (_, body, message) => {
    const error = await refusal(get(serve("/a.tar", body)));
    expect(error.code).toBe("fetch");
    expect(error.message).toStartWith(`artifact ${here.origin.url("/a.tar")}: `);
    expect(error.message).toContain(message);
    expect(listing(here.dirs.local)).toEqual([]);
  });

  test("a wrong checksum, before anything is unpacked", async () => {
    const plan = serve("/a.tar", TREE, { checksum: `md5:${"0".repeat(32)}` });
    expect((await refusal(get(plan))).message).toContain("checksum of");
    expect(listing(here.dirs.local)).toEqual([]);
  });

  test("a limit that is passed", async () => {
    const plan = serve("/a.tar.gz", gzipSync(tarOf({ name: "z", body: Buffer.alloc(1 << 20) })));
    const error = await refusal(get(plan, { ...DEFAULT_LIMITS, bytes: 1 << 16 }));
    expect(error.message).toContain("more than 64 KiB come out of it");
    expect(listing(here.dirs.local)).toEqual([]);
  });

  /** Unpacks until the first bytes are there, then gives up with this reason. */
  async function giveUp(plan: ArtifactPlan, reason?: symbol): Promise<AppError> {
    const aborted = new AbortController();
    const promise = refusal(fetchHere(plan, here.cache, { signal: aborted.signal }));
    const hasBytes = () => listing(here.cache).some((name) => name.endsWith(".unpacking/content"));
    await until("the first bytes", hasBytes, { every: 1 });
    aborted.abort(reason);
    return await promise;
  }

  test("a cancellation while it is unpacked", async () => {
    const error = await giveUp(serve("/a.gz", gzipSync(Buffer.alloc(64 << 20, "x"))));
    expect(error.message).toEndWith("cancelled");
    expect(listing(here.dirs.local)).toEqual([]);
  });

  test("but the next try has the archive in the cache, and does not fetch it again", async () => {
    const body = gzipSync(Buffer.alloc(64 << 20, "x"));
    const plan = serve("/a.gz", body, { checksum: sum("sha256", body) });
    expect((await giveUp(plan, LEAVE)).message).toEndWith("cancelled");
    expect(readdirSync(join(here.cache, "parts"))).toEqual([]);
    expect(await get(plan)).toMatchObject({ cached: true });
    expect(here.origin.count("/a.gz")).toBe(1);
    expect(listing(here.dirs.local)).toEqual(["a"]);
    expect(await get(plan)).toMatchObject({ cached: true, unpacked: null });
  });

  test("a Worker that hears no cancellation and is cut off", async () => {
    const aborted = new AbortController();
    const started = Promise.withResolvers<void>();
    const workers = ["../../../src/artifact/worker.ts", "deaf-unpacker.ts"];
    const next = (): Worker => new Worker(join(import.meta.dirname, "artifact", workers.shift() ?? ""));
    const wanted = {
      ...{ signal: aborted.signal, log: silentLog, graceMillis: 20, ...byCache(here.dir.path) },
      onProgress: () => {
        if (listing(here.dirs.local).length > 0) started.resolve();
      },
    };
    const promise = refusal(acquire(serve("/a.tar", TREE), wanted, next));
    await started.promise;
    expect(listing(here.dirs.local)).toHaveLength(3);
    aborted.abort();
    expect((await promise).message).toContain("it did not answer");
    expect(listing(here.dirs.local)).toEqual([]);
  });

  test("an agent that was killed at it: the next one starts anew", async () => {
    const plan = serve("/a.tar", TREE);
    mkdirSync(local(plan.unpack?.stagingName ?? "", "disk.raw"), { recursive: true });
    writeFileSync(here.dir.file("precious"), "not the archive's");
    symlinkSync(here.dir.path, local(plan.unpack?.stagingName ?? "", "away"));
    writeFileSync(local("disk.raw"), "disk");
    await get(plan);
    expect(listing(here.dirs.local)).toEqual(["boot", "boot/vmlinuz", "disk.raw"]);
    expect(readFileSync(here.dir.file("precious"), "utf8")).toBe("not the archive's");
  });
});

describe("an archive replaces nothing", () => {
  test("a directory that is there is shared", async () => {
    mkdirSync(local("boot"));
    writeFileSync(local("boot", "initrd"), "initrd");
    await get(serve("/a.tar", TREE));
    expect(listing(here.dirs.local)).toEqual(["boot", "boot/initrd", "boot/vmlinuz", "disk.raw"]);
  });

  test.each([
    ["another file", () => writeFileSync(local("disk.raw"), "DISK"), "a file is there already"],
    ["a directory", () => mkdirSync(local("disk.raw")), "a directory is there already"],
    ["a planted link", () => symlinkSync("/etc", local("boot")), "a symbolic link is there already"],
  ])("%s in its way is refused, and no other entry comes", async (_, plant, message) => {
    plant();
    const before = listing(here.dirs.local);
    expect((await refusal(get(serve("/a.tar", TREE)))).message).toContain(message);
    expect(listing(here.dirs.local)).toEqual(before);
  });
});
