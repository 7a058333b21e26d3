import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createPartFile, publishText, reopenPartFile } from "../../../../src/artifact/download/part.ts";
import { type Folder, openFolder } from "../../../../src/artifact/folder.ts";
import { tempPerTest } from "../../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let folder: Folder;

beforeEach(() => {
  folder = openFolder(dir.path, ["vm"]);
});

afterEach(() => {
  folder.close();
});

const inVm = (name: string): string => dir.file("vm", name);

describe("a part file", () => {
  test("has its name only once it is published, with mode 0644", async () => {
    const before = process.umask(0o077);
    try {
      const part = createPartFile(folder, "a");
      part.write(Buffer.from("one "));
      part.write(Buffer.from("two"));
      await part.sync();
      expect(readdirSync(dir.file("vm"))).toEqual(["a.part"]);
      part.publish();
      await part.close();
    } finally {
      process.umask(before);
    }
    expect(readdirSync(dir.file("vm"))).toEqual(["a"]);
    expect(readFileSync(inVm("a"), "utf8")).toBe("one two");
    expect(statSync(inVm("a")).mode & 0o777).toBe(0o644);
  });

  test("goes when it is closed unpublished, and leaves an old file alone", async () => {
    writeFileSync(inVm("a"), "old");
    const part = createPartFile(folder, "a");
    part.write(Buffer.from("new"));
    await part.close();
    expect(readdirSync(dir.file("vm"))).toEqual(["a"]);
    expect(readFileSync(inVm("a"), "utf8")).toBe("old");
  });

  test("replaces a link at its name instead of writing through it", async () => {
    writeFileSync(dir.file("victim"), "precious");
    symlinkSync(dir.file("victim"), inVm("a.part"));
    const part = createPartFile(folder, "a");
    part.write(Buffer.from("new"));
    part.publish();
    await part.close();
    expect(readFileSync(dir.file("victim"), "utf8")).toBe("precious");
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
    renameSync(dir.file("vm"), dir.file("moved"));
    symlinkSync("/nonexistent", dir.file("vm"));
    part.publish();
    await part.close();
    expect(readdirSync(dir.file("moved"))).toEqual(["a"]);
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

describe("a part file that was left", () => {
  test("is taken up, cut to what counts of it", async () => {
    writeFileSync(inVm("a.part"), "0123456789");
    const part = reopenPartFile(folder, "a", { bytes: 4, end: 4 });
    expect(part?.bytes).toBe(4);
    await part?.leave();
    expect(readFileSync(inVm("a.part"), "utf8")).toBe("0123");
  });

  test.each([
    ["shorter", (path: string) => writeFileSync(path, "012")],
    ["a link", (path: string) => symlinkSync(dir.file("other"), path)],
    ["another name of a file of somebody's", (path: string) => linkSync(dir.file("other"), path)],
    ["gone", () => undefined],
  ])("is not, when it is %s, and nothing is written to", (_, leave) => {
    writeFileSync(dir.file("other"), "0123456789");
    leave(inVm("a.part"));
    expect(reopenPartFile(folder, "a", { bytes: 4, end: 4 })).toBeUndefined();
    expect(readFileSync(dir.file("other"), "utf8")).toBe("0123456789");
  });
});

describe("openFolder", () => {
  test("makes what is missing, whatever the umask", () => {
    const before = process.umask(0o077);
    try {
      openFolder(dir.path, ["x", "y"]).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(dir.file("x/y")).mode & 0o777).toBe(0o755);
  });

  test("follows no link, not even one that stays inside", () => {
    mkdirSync(dir.file("inside"));
    symlinkSync("inside", dir.file("link"));
    expect(() => openFolder(dir.path, ["link", "x"])).toThrow(
      `${dir.path}/link: expected a directory, found a symbolic link`,
    );
    expect(readdirSync(dir.file("inside"))).toEqual([]);
  });

  test("names a file that stands in the way", () => {
    writeFileSync(dir.file("file"), "");
    expect(() => openFolder(dir.path, ["file", "x"])).toThrow(`${dir.path}/file: expected a directory, found a file`);
  });
});

describe("a small text", () => {
  test("is read by nobody else until it has its owner and mode, and replaces what had its name", () => {
    writeFileSync(inVm("a"), "before");
    const modes: number[] = [];
    publishText(folder, "a", "after", () => modes.push(statSync(inVm("a.part")).mode & 0o777));
    expect(modes).toEqual([0o600]);
    expect([readFileSync(inVm("a"), "utf8"), readdirSync(dir.file("vm"))]).toEqual(["after", ["a"]]);
  });

  test("leaves nothing when it is not given its owner", () => {
    expect(() =>
      publishText(folder, "a", "x", () => {
        throw new Error("no such owner");
      }),
    ).toThrow("no such owner");
    expect(readdirSync(dir.file("vm"))).toEqual([]);
  });
});
