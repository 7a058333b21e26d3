import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { planArtifact } from "../../src/artifact/plan.ts";
import { tarOf, zipOf } from "../helpers/archives.ts";
import { artifactBench, fetchHere, type Wanted } from "../helpers/artifact.ts";
import { refusal } from "../helpers/refusal.ts";
import { listing } from "../helpers/unpacking.ts";

const TREE = tarOf(
  { name: "v1/boot/vmlinuz", body: "kernel" },
  { name: "v1/boot/initrd", body: "initrd" },
  { name: "v1/boot/deep/", type: "5" },
  { name: "v1/boot/deep/up", type: "2", link: "../vmlinuz" },
  { name: "v1/.hidden/a", body: "h" },
  { name: "v1/disk.raw", body: "disk" },
  { name: "v1/out/away", type: "2", link: "../disk.raw" },
  { name: "v1/out/deep/away", type: "2", link: "../../disk.raw" },
  { name: "linked", type: "2", link: "v1/boot" },
);

const here = artifactBench();

function serve(subdir: string, wanted: Wanted = {}, body: Uint8Array = TREE, path = "/tree.tar") {
  here.origin.set(path, { kind: "bytes", body });
  return fetchHere(here.plan(here.origin.url(`${path}//${subdir}`), wanted), here.cache);
}

const found = (): string[] => listing(here.dirs.local);

describe("a subdirectory of an archive", () => {
  test("is all that comes, under its own names, with links that stay in it", async () => {
    await serve("v1/boot");
    expect(found()).toEqual(["deep", "deep/up", "initrd", "vmlinuz"]);
    expect(readlinkSync(join(here.dirs.local, "deep/up"))).toBe("../vmlinuz");
    expect(here.origin.requests[0]?.path).toBe("/tree.tar");
  });

  test.each(["v1/disk.raw", "*/disk.raw", "v%3f/d*.raw", "./v1//disk.raw", "v1/disk%2eraw"])(
    "may be one file: %s",
    async (subdir) => {
      await serve(subdir);
      expect(found()).toEqual(["disk.raw"]);
      expect(readFileSync(join(here.dirs.local, "disk.raw"), "utf8")).toBe("disk");
    },
  );

  test.each(["v*1/d*k.r%3fw", "v1/*.raw", "**/disk.raw", "v1/*d*i*s*k*raw*"])(
    "may be named by signs: %s",
    async (subdir) => {
      await serve(subdir);
      expect(found()).toEqual(["disk.raw"]);
    },
  );

  test.each(["v1/disk.raw%3f", "v1/%3fisk", "v1/*.ra", "v1/d*x*w", "%3f/disk.raw", "*/hidden/a", "v1/%3fhidden/a"])(
    "is not there when signs fit nothing: %s",
    async (subdir) => {
      expect((await refusal(serve(subdir))).message).toContain("is not in it");
    },
  );

  test("becomes the file that destination names in mode file, of a zip too", async () => {
    await serve("v1/disk.raw", { mode: "file", destination: "local/my.img" });
    expect(readFileSync(join(here.dirs.local, "my.img"), "utf8")).toBe("disk");
    const zip = zipOf({ name: "a/x", body: "one" }, { name: "b/x", body: "two" });
    await serve("b/x", { mode: "file", destination: "local/zip.img" }, zip, "/x.zip");
    expect(readFileSync(join(here.dirs.local, "zip.img"), "utf8")).toBe("two");
    expect(found()).toEqual(["my.img", "zip.img"]);
  });

  test("replaces nothing that is there", async () => {
    mkdirSync(join(here.dirs.local, "deep"));
    writeFileSync(join(here.dirs.local, "vmlinuz"), "mine");
    expect((await refusal(serve("v1/boot"))).message).toContain("is there already, and not the same");
    expect(found()).toEqual(["deep", "vmlinuz"]);
  });

  test.each([
    ["v2", '"v2" is not in it'],
    ["v1/boot/nothing", "is not in it"],
    ["v1/disk.raw/x", "is not in it"],
    ["v1/boot/*i*", "must be one thing in it, found 2"],
    ["v1/*hidden", "is not in it"],
    ["linked", "must be a file or a directory, found a symbolic link"],
    ["linked/vmlinuz", "is not in it"],
    ["v1/out", 'away" leads out of the subdirectory'],
    ["v1/out/deep", 'link "away" leads out of the subdirectory'],
  ])("%s is refused, and nothing stays", async (subdir, message) => {
    const error = await refusal(serve(subdir));
    expect(error.message).toContain(message);
    expect(error.code).toBe("fetch");
    expect(found()).toEqual([]);
  });

  test("that is a directory is refused in mode file", async () => {
    const error = await refusal(serve("v1/boot", { mode: "file", destination: "local/x" }));
    expect(error.message).toContain("needs a file behind //");
    expect(found()).toEqual([]);
  });
});

describe("a subdirectory", () => {
  const plan =
    (source: string, options = {}) =>
    () =>
      planArtifact({ source, destination: "local/", mode: "any", options, headers: {}, insecure: false }, here.dirs);

  test.each(["http://h/a.img//b", "http://h/a//b.img", "http://h/a.img.xz//b"])(
    "of what is no archive: %s",
    (source) => {
      expect(plan(source)).toThrow("of something that is no archive of files");
    },
  );

  test("must stay in it, and may be nothing", () => {
    expect(plan("http://h/a.tar//../x")).toThrow("leads out of the artifact");
    expect(plan("http://h/a.tar//x/%2e%2e/%2e%2e")).toThrow("leads out of the artifact");
    expect(plan("http://h/a.tar//")().unpack?.subdir).toBeNull();
    expect(plan("http://h/a//b", { archive: "tar" })().unpack?.subdir).toEqual(["b"]);
  });

  test("makes two artifacts of one archive two", () => {
    const [a, b] = [plan("http://h/a.tar//x")(), plan("http://h/a.tar//y")()];
    expect(a.target.path).not.toBe(b.target.path);
    expect(a.unpack?.stagingName).not.toBe(b.unpack?.stagingName ?? "");
  });
});
