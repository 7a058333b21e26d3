import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquire } from "../../src/artifact/acquire.ts";
import type { Progress } from "../../src/artifact/download/progress.ts";
import { planArtifact } from "../../src/artifact/plan.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Artifact } from "../../src/job/job.ts";
import { taskDirs } from "../../src/paths.ts";
import { artifactBench, BODY, byCache, sum } from "../helpers/artifact.ts";
import { startRaw } from "../helpers/raw-server.ts";
import { refusal } from "../helpers/refusal.ts";

const here = artifactBench();
const { get, getByWorker } = here;

describe("a download", () => {
  test.each(["md5", "sha1", "sha256", "sha512"])("with a right %s checksum gets its name", async (type) => {
    const acquired = await getByWorker(here.origin.url("/a.img"), { checksum: sum(type) });
    expect(acquired).toMatchObject({
      path: join(here.dirs.local, "a.img"),
      bytes: 100_000,
      checksum: sum(type),
      skipped: false,
    });
    expect(readFileSync(acquired.path).equals(BODY)).toBe(true);
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
    expect(statSync(acquired.path).mode & 0o777).toBe(0o644);
  });

  test("without a checksum is hashed all the same", async () => {
    expect((await get(here.origin.url("/a.img"))).checksum).toBe(sum("sha256"));
  });

  test("makes the directories of its destination", async () => {
    const acquired = await get(here.origin.url("/a.img"), { destination: "local/x/y/disk.img", mode: "file" });
    expect(readFileSync(join(here.dirs.local, "x/y/disk.img")).equals(BODY)).toBe(true);
    expect(acquired.path).toBe(join(here.dirs.local, "x/y/disk.img"));
  });

  test("of a file without bytes is a file without bytes", async () => {
    here.origin.set("/empty", { kind: "bytes", body: "" });
    expect((await get(here.origin.url("/empty"))).bytes).toBe(0);
    expect(statSync(join(here.dirs.local, "empty")).size).toBe(0);
  });

  test.each([
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    ["of unknown length", "HTTP/1.1 200 OK\r\n\r\nhello"],
    ["labelled as identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"],
    ["with more bytes behind its end", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world"],
  ])("%s arrives whole", async (_, reply) => {
    await using server = await startRaw(reply);
    const acquired = await get(server.url, { checksum: sum("md5", Buffer.from("hello")) });
    expect(readFileSync(acquired.path, "utf8")).toBe("hello");
  });

  test("asks for the bytes as they are, with the job's headers, and without go-getter's parameters", async () => {
    here.origin.set("/a.img?k=v", { kind: "bytes", body: BODY });
    await get(`${here.origin.url("/a.img?k=v")}&checksum=${sum("md5")}`, { headers: { "X-Token": "t" } });
    expect(here.origin.requests).toHaveLength(1);
    expect(here.origin.requests[0]).toMatchObject({
      method: "GET",
      path: "/a.img?k=v",
      headers: { "x-token": "t", "accept-encoding": "identity" },
    });
  });

  test("sends user info as Basic authorization", async () => {
    await get(here.origin.url("/a.img").replace("//", "//me:pw@"));
    expect(here.origin.requests[0]?.headers["authorization"]).toBe(`Basic ${btoa("me:pw")}`);
  });

  test("tells how far it is, and at its end all of it", async () => {
    const seen: Progress[] = [];
    here.origin.set("/slow", { kind: "slow", body: BODY, chunk: 10_000, every: 60 });
    await get(here.origin.url("/slow"), {}, { onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toMatchObject({ bytes: 100_000, total: 100_000 });
    expect(seen.every(({ bytes }, index) => index === 0 || bytes >= (seen[index - 1]?.bytes ?? 0))).toBe(true);
    expect(seen.at(-1)?.rate).toBeGreaterThan(0);
  });

  test("that is slow but alive finishes, however long the whole takes", async () => {
    here.origin.set("/slow", { kind: "slow", body: BODY, chunk: 10_000, every: 60 });
    expect((await get(here.origin.url("/slow"), {}, { stallMillis: 400 })).bytes).toBe(100_000);
  });

  test("replaces a stale part file and a link in its place", async () => {
    writeFileSync(here.dir.file("victim"), "precious");
    symlinkSync(here.dir.file("victim"), join(here.dirs.local, "a.img.part"));
    await get(here.origin.url("/a.img"));
    expect(readFileSync(here.dir.file("victim"), "utf8")).toBe("precious");
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
  });
});

describe("a destination that is there", () => {
  test("with the right checksum is not fetched again", async () => {
    writeFileSync(join(here.dirs.local, "a.img"), BODY);
    const acquired = await get(here.origin.url("/a.img"), { checksum: sum("sha256") });
    expect(acquired).toMatchObject({ skipped: true, bytes: 100_000, checksum: sum("sha256") });
    expect(here.origin.requests).toHaveLength(0);
  });

  test("with a wrong checksum is replaced", async () => {
    writeFileSync(join(here.dirs.local, "a.img"), "old");
    expect((await get(here.origin.url("/a.img"), { checksum: sum("sha256") })).skipped).toBe(false);
    expect(readFileSync(join(here.dirs.local, "a.img")).equals(BODY)).toBe(true);
  });

  test("stays as it was when its replacement fails", async () => {
    writeFileSync(join(here.dirs.local, "a.img"), "old");
    await refusal(get(here.origin.url("/a.img"), { checksum: sum("sha256", Buffer.from("x")) }));
    expect(readFileSync(join(here.dirs.local, "a.img"), "utf8")).toBe("old");
    expect(readdirSync(here.dirs.local)).toEqual(["a.img"]);
  });

  test("but is a directory or a link is refused before anything is fetched", async () => {
    mkdirSync(join(here.dirs.local, "a.img"));
    expect((await refusal(get(here.origin.url("/a.img")))).message).toContain(
      "a.img: expected a file or nothing, found a directory",
    );
    symlinkSync("/etc/hostname", join(here.dirs.local, "link"));
    expect((await refusal(get(here.origin.url("/a.img?filename=link")))).message).toContain("found a symbolic link");
    expect(here.origin.requests).toHaveLength(0);
  });
});

describe("a destination is not reached through a link", () => {
  test("to the outside", async () => {
    mkdirSync(here.dir.file("outside"));
    symlinkSync(here.dir.file("outside"), join(here.dirs.task, "out"));
    const error = await refusal(get(here.origin.url("/a.img"), { destination: "out/deeper" }));
    expect(error.message).toContain(`${join(here.dirs.task, "out")}: expected a directory, found a symbolic link`);
    expect(readdirSync(here.dir.file("outside"))).toEqual([]);
  });

  test("that is the task directory itself", async () => {
    const other = taskDirs({ dataDir: here.dir.path, runDir: here.dir.path }, "id", "linked");
    mkdirSync(here.dir.file("outside"));
    symlinkSync(here.dir.file("outside"), other.task);
    const artifact: Artifact = {
      ...{ source: here.origin.url("/a.img"), destination: "local/", mode: "any" },
      ...{ options: {}, headers: {}, insecure: false },
    };
    const silent = { signal: new AbortController().signal, onProgress: () => undefined, log: silentLog };
    const options = { ...silent, ...byCache(here.dir.path) };
    expect((await refusal(acquire(planArtifact(artifact, other), options))).message).toContain("found a symbolic link");
    expect(readdirSync(here.dir.file("outside"))).toEqual([]);
  });
});
