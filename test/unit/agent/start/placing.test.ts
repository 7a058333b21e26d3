import { describe, expect, test } from "bun:test";
import { linkedImage, placingOf } from "../../../../src/agent/start/placing.ts";

const DIRS = { task: "/t" };
const IMAGE = "local/linux.img";
const place = (path: string, config: Partial<Parameters<typeof placingOf>[0]> = {}, ownUser = false) =>
  placingOf({ image_path: IMAGE, args: [], ...config }, DIRS, ownUser)(path);

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

test.each([
  ["-virtfs", "local,path=local,mount_tag=s,security_model=none"],
  ["-fsdev", "local,id=s,path=.,security_model=none"],
  ["-device", "usb-mtp,rootdir=local,readonly=off"],
  ["-drive", "file=fat:rw:local,format=raw"],
  ["-hdb", "fat:floppy:rw:local"],
  ["-blockdev", "driver=vvfat,dir=local,rw=on,node-name=d"],
])("no file of the cache lies where the guest may write by %s %s, unless it has a user of its own", (option, value) => {
  const args = ["-kernel", "local/k", option, value];
  for (const path of ["/t/local/k", "/t/local/linux.img"]) {
    expect(place(path, { args })).toBe("own");
    expect(place(path, { args }, true)).toBe("link");
  }
});

test.each([
  ["-virtfs", "local,path=local,mount_tag=s,security_model=none,readonly=on"],
  ["-device", "usb-mtp,rootdir=local"],
  ["-hdb", "fat:local"],
])("what the guest may only read by %s %s is the cache's file", (option, value) => {
  expect(place("/t/local/k", { args: ["-kernel", "local/k", option, value] })).toBe("link");
});

test("only what became the boot image is what its disk stands over", () => {
  const linked = { path: "/cache/content", checksum: "sha256:0" };
  const config = { image_path: IMAGE };
  expect(linkedImage([{ path: "/t/local/linux.img", linked }], config, DIRS)).toEqual(linked);
  expect(linkedImage([{ path: "/t/local/linux.img", linked: null }], config, DIRS)).toBeNull();
  expect(linkedImage([{ path: "/t/local/vmlinuz", linked }], config, DIRS)).toBeNull();
  expect(linkedImage([], config, DIRS)).toBeNull();
});
