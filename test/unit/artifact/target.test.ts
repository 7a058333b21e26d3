import { describe, expect, test } from "bun:test";
import { resolveTarget } from "../../../src/artifact/target.ts";
import { taskDirs } from "../../../src/paths.ts";

const dirs = taskDirs({ dataDir: "/data", runDir: "/run" }, "id", "vm");
const any = (destination: string, name = "a.img"): string =>
  resolveTarget({ destination, mode: "any" }, dirs, name).path;
const file = (destination: string): string => resolveTarget({ destination, mode: "file" }, dirs, "a.img").path;

describe("a destination", () => {
  test.each([
    ["local/", "/data/alloc/id/vm/local/a.img"],
    ["", "/data/alloc/id/vm/local/a.img"],
    ["local/../x", "/data/alloc/id/vm/x/a.img"],
    ["../alloc/data", "/data/alloc/id/alloc/data/a.img"],
    ["/local", "/data/alloc/id/vm/local/a.img"],
    ["/data/alloc/id/vm/local", "/data/alloc/id/vm/local/a.img"],
    ["/data/alloc/other", "/data/alloc/id/vm/data/alloc/other/a.img"],
    ["..x/", "/data/alloc/id/vm/..x/a.img"],
  ])("%p holds the file at %p", (destination, path) => {
    expect(any(destination)).toBe(path);
  });

  test("is the file itself with mode file", () => {
    expect(file("local/disk.img")).toBe("/data/alloc/id/vm/local/disk.img");
  });

  test("is cut into directories below the allocation, for opening them one by one", () => {
    expect(resolveTarget({ destination: "local/x", mode: "any" }, dirs, "y/a.img")).toMatchObject({
      root: "/data/alloc/id",
      folders: ["vm", "local", "x", "y"],
      fileName: "a.img",
    });
  });

  test.each(["../../", "local/../../../x", "../../id2/"])("%p leads out", (destination) => {
    expect(() => any(destination)).toThrow("leads out of the allocation directory");
  });

  test.each(["local/", "local/.", "local/..", "."])("%p is no file for mode file", (destination) => {
    expect(() => file(destination)).toThrow('mode = "file" needs the name of a file');
  });

  test.each([".paddock", ".paddock/x", "../other/.paddock", "/data/alloc/id/vm/.paddock"])(
    "%p belongs to the agent",
    (d) => {
      expect(() => any(d)).toThrow(".paddock belongs to the agent");
    },
  );
});

describe("the allocation directory itself", () => {
  test.each([
    ["../", ".vm.stdout.times"],
    ["../", ".0123456789abcdef.download"],
    ["../.0123456789abcdef.download", "a"],
  ])("%p with the name %p belongs to the agent", (destination, name) => {
    expect(() => any(destination, name)).toThrow("belong to the agent");
  });

  test("takes other names, and the task directory names with a dot", () => {
    expect(any("../", "a")).toEndWith("/id/a");
    expect(any(".", ".a")).toEndWith("/id/vm/.a");
  });
});

describe("a file name", () => {
  test.each(["../a", "x/../../a", "..", "x\\..\\y"])("%p leads out", (name) => {
    expect(() => any("local", name)).toThrow("leads out of the allocation directory");
  });

  test.each(["", "a/", "."])("%p is none", (name) => {
    expect(() => any("", name)).toThrow("expected the name of a file");
  });

  test("must leave room for the part file's suffix", () => {
    expect(any("local", "a".repeat(250))).toEndWith("a");
    expect(() => any("local", "ü".repeat(126))).toThrow("longer than 250 bytes");
  });
});
