import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Folder, openFolder } from "../../../src/artifact/folder.ts";
import { createPartFile } from "../../../src/artifact/part.ts";

let root: string;
let folder: Folder;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "paddock-test-")));
  folder = openFolder(root, ["vm"]);
});

afterEach(() => {
  folder.close();
  rmSync(root, { recursive: true });
});

const inVm = (name: string): string => join(root, "vm", name);

describe("a part file", () => {
  test("has its name only once it is published, with mode 0644", async () => {
    const before = process.umask(0o077);
    try {
      const part = createPartFile(folder, "a");
      part.write(Buffer.from("one "));
      part.write(Buffer.from("two"));
      await part.sync();
      expect(readdirSync(join(root, "vm"))).toEqual(["a.part"]);
      part.publish();
      await part.close();
    } finally {
      process.umask(before);
    }
    expect(readdirSync(join(root, "vm"))).toEqual(["a"]);
    expect(readFileSync(inVm("a"), "utf8")).toBe("one two");
    expect(statSync(inVm("a")).mode & 0o777).toBe(0o644);
  });

  test("goes when it is closed unpublished, and leaves an old file alone", async () => {
    writeFileSync(inVm("a"), "old");
    const part = createPartFile(folder, "a");
    part.write(Buffer.from("new"));
    await part.close();
    expect(readdirSync(join(root, "vm"))).toEqual(["a"]);
    expect(readFileSync(inVm("a"), "utf8")).toBe("old");
  });

  test("replaces a link at its name instead of writing through it", async () => {
    writeFileSync(join(root, "victim"), "precious");
    symlinkSync(join(root, "victim"), inVm("a.part"));
    const part = createPartFile(folder, "a");
    part.write(Buffer.from("new"));
    part.publish();
    await part.close();
    expect(readFileSync(join(root, "victim"), "utf8")).toBe("precious");
    expect(readFileSync(inVm("a"), "utf8")).toBe("new");
  });

  test("is not published when somebody put another file in its place", async () => {
    const part = createPartFile(folder, "a");
    rmSync(inVm("a.part"));
    writeFileSync(inVm("a.part"), "evil");
    expect(() => part.publish()).toThrow("a.part was replaced");
    await part.close();
    expect(readFileSync(inVm("a.part"), "utf8")).toBe("evil");
  });

  test("lands in the directory that was opened, even when its path is another by then", async () => {
    const part = createPartFile(folder, "a");
    renameSync(join(root, "vm"), join(root, "moved"));
    symlinkSync("/nonexistent", join(root, "vm"));
    part.publish();
    await part.close();
    expect(readdirSync(join(root, "moved"))).toEqual(["a"]);
  });

  test("writes back while it grows and still has every byte", async () => {
    const chunk = Buffer.alloc(8 << 20, "x");
    const part = createPartFile(folder, "a");
    for (let count = 0; count < 10; count++) part.write(chunk);
    await part.sync();
    part.publish();
    await part.close();
    expect(statSync(inVm("a")).size).toBe(80 << 20);
  });
});

describe("openFolder", () => {
  test("makes what is missing, whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      openFolder(root, ["x", "y"]).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(join(root, "x/y")).mode & 0o777).toBe(0o755);
  });

  test("follows no link, not even one that stays inside", () => {
    mkdirSync(join(root, "inside"));
    symlinkSync("inside", join(root, "link"));
    expect(() => openFolder(root, ["link", "x"])).toThrow(`${root}/link: expected a directory, found a symbolic link`);
    expect(readdirSync(join(root, "inside"))).toEqual([]);
  });

  test("names a file that stands in the way", () => {
    writeFileSync(join(root, "file"), "");
    expect(() => openFolder(root, ["file", "x"])).toThrow(`${root}/file: expected a directory, found a file`);
  });
});
