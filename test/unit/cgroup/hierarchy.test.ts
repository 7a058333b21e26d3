import { expect, test } from "bun:test";
import { cgroupMountPoint, cgroupVersion, findHierarchy, groupOf } from "../../../src/cgroup/hierarchy.ts";
import { groupTree } from "../../helpers/cgroup-tree.ts";
import { tempDir } from "../../helpers/temp.ts";

test("root divides the root of all, wherever its agent is, and need not leave it", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  for (const path of ["/", "/system.slice", "/system.slice/paddock.service"]) tree.group(path);
  for (const own of ["/", "/system.slice/paddock.service"]) {
    expect(findHierarchy(tree.source(own))).toMatchObject({ kind: "usable", top: dir.path, leave: false });
  }
});

test("a user's agent divides the group of the user's manager", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  for (const path of ["/", "/user.slice"]) tree.group(path, { given: false });
  const top = tree.group("/user.slice/user@1000.service");
  tree.group("/user.slice/user@1000.service/app.slice");
  tree.group("/user.slice/user@1000.service/app.slice/paddock.service");
  const source = tree.source("/user.slice/user@1000.service/app.slice/paddock.service");
  expect(findHierarchy(source)).toMatchObject({ kind: "usable", top, leave: false });
});

test("a gap on the way up ends it: what lies above is somebody else's", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/");
  tree.group("/between", { given: false });
  const own = tree.group("/between/run-1.scope");
  expect(findHierarchy(tree.source("/between/run-1.scope"))).toMatchObject({ kind: "usable", top: own, leave: true });
});

test("the root of a container is left for a leaf, for it is none", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/");
  await Bun.write(dir.file("cgroup.events"), "populated 1\n");
  expect(findHierarchy(tree.source("/"))).toMatchObject({ kind: "usable", top: dir.path, leave: true });
});

test("each reason why there is nothing to divide is told", async () => {
  await using dir = tempDir();
  const tree = groupTree(dir.path);
  tree.group("/", { given: false });
  tree.group("/session-1.scope", { given: false });
  tree.group("/a.service");
  const reason = (own: string, mounts?: readonly string[]) => {
    const found = findHierarchy(tree.source(own, mounts));
    return found.kind === "none" ? found.reason : found.top;
  };
  expect(reason("/session-1.scope")).toBe(
    `this user may not make groups in ${dir.path}/session-1.scope, nothing was delegated`,
  );
  expect(reason("/a.service")).toContain("systemd could not start the service again while machines run in it");
  expect(reason("/", [])).toBe("cgroup v2 is not mounted");
  expect(reason("/../outside")).toBe(`this process is in no group below ${dir.path}`);
  expect(findHierarchy({ ...tree.source("/"), membership: "3:cpu:/\n" }).kind).toBe("none");
});

test("a group is found by a mount that shows a part of the hierarchy only, and with spaces in its place", () => {
  const mount = { point: "/sys/fs/cgroup", root: "/docker/1" };
  expect(groupOf("0::/docker/1/a\n", mount)).toBe("/sys/fs/cgroup/a");
  expect(groupOf("4:memory:/x\n0::/docker/1\n", mount)).toBe("/sys/fs/cgroup");
  expect(groupOf("0::/docker/12\n", mount)).toBeUndefined();
});

test("the version is the one that the host's controllers are with", () => {
  const v1 = "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
  const v2 = "32 30 0:28 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n";
  expect([cgroupVersion(v1 + v2), cgroupVersion(v2), cgroupVersion("")]).toEqual(["1", "2", undefined]);
  const points = [v1 + v2, v2, ""].map(cgroupMountPoint);
  expect(points).toEqual(["/sys/fs/cgroup", "/sys/fs/cgroup/unified", undefined]);
});
