import { describe, expect, test } from "bun:test";
import { linkedImage, placingOf } from "../../../src/agent/placing.ts";

const DIRS = { task: "/t" };
const IMAGE = "local/linux.img";
const place = (path: string, config: Partial<Parameters<typeof placingOf>[0]> = {}) =>
  placingOf({ image_path: IMAGE, args: [], ...config }, DIRS)(path);

test.each([
  [["-kernel", "local/k"], "link"],
  [["-kernel", "local/../local/k"], "link"],
  [["-cdrom", "/t/local/k"], "link"],
  [["-drive", "file=local/k,if=virtio,readonly=on"], "link"],
  [["-snapshot", "-drive", "file=local/k"], "link"],
  [["-drive", "file=local/k"], "own"],
  [["-kernel", "local/k", "-hdb", "local/k"], "own"],
  [["-kernel", "local/other"], "own"],
  [[], "own"],
] as const)("a file that args name as %j comes as %s", (args, expected) => {
  expect(place("/t/local/k", { args })).toBe(expected);
});

describe("the boot image is another name of the cache's file", () => {
  test("unless it is written to itself, by config or by args", () => {
    expect(place("/t/local/linux.img")).toBe("link");
    expect(place("/t/local/linux.img", { image_path: "./local/../local/linux.img" })).toBe("link");
    for (const disk of ["overlay", "copy"] as const) expect(place("/t/local/linux.img", { disk })).toBe("link");
    expect(place("/t/local/linux.img", { disk: "direct" })).toBe("own");
    expect(place("/t/local/linux.img", { args: ["-hdb", IMAGE] })).toBe("own");
  });
});

test("only what became the boot image is what its disk stands over", () => {
  const linked = { path: "/cache/content", checksum: "sha256:0" };
  const config = { image_path: IMAGE };
  expect(linkedImage([{ path: "/t/local/linux.img", linked }], config, DIRS)).toEqual(linked);
  expect(linkedImage([{ path: "/t/local/linux.img", linked: null }], config, DIRS)).toBeNull();
  expect(linkedImage([{ path: "/t/local/vmlinuz", linked }], config, DIRS)).toBeNull();
  expect(linkedImage([], config, DIRS)).toBeNull();
});
