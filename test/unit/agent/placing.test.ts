import { expect, test } from "bun:test";
import { placingOf } from "../../../src/agent/placing.ts";

const placing = (path: string, args: string[], image_path = "local/disk.img") =>
  placingOf({ args, image_path }, { task: "/t" })(path);

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
  expect(placing("/t/local/k", [...args])).toBe(expected);
});

test("the boot image is a file of its own, whatever else names it", () => {
  expect(placing("/t/local/disk.img", ["-cdrom", "local/disk.img"])).toBe("own");
});
