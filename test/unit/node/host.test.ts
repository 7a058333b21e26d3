import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import {
  describeChangingHost,
  describeHugePages,
  describeLastingHost,
  describeSystem,
  findVolume,
} from "../../../src/node/host.ts";
import { tempDir } from "../../helpers/temp.ts";

const describeHost = (dataDir: string): Record<string, string> => ({
  ...describeLastingHost(),
  ...describeChangingHost(dataDir),
});

test("the host is described by Nomad's names, with numbers where they are numbers", () => {
  const host = describeHost("/nonexistent/paddock/data");
  for (const name of ["cpu.numcores", "memory.totalbytes", "unique.storage.bytestotal", "unique.storage.bytesfree"]) {
    expect(host[name]).toMatch(/^[1-9]\d*$/);
  }
  expect(host).toMatchObject({ "kernel.name": process.platform, "unique.hostname": hostname() });
  expect(host["cpu.arch"]).toBe(process.arch === "x64" ? "amd64" : process.arch);
  expect(host["kernel.version"]).not.toBe("");
  expect(Object.values(host).every((value) => value !== "")).toBe(true);
});

test("compute is cores times frequency", () => {
  const host = describeHost("/");
  if (host["cpu.frequency"] === undefined) expect(host["cpu.totalcompute"]).toBeUndefined();
  else expect(Number(host["cpu.totalcompute"])).toBe(Number(host["cpu.frequency"]) * Number(host["cpu.numcores"]));
});

test.each([
  ['ID=debian\nVERSION_ID="12"\n', "12.11\n", "debian", "12.11"],
  ['ID=debian\nVERSION_ID="12"\n', "trixie/sid\n", "debian", "12"],
  ['NAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\n', "bookworm/sid\n", "ubuntu", "22.04"],
  ["ID='alpine'\nVERSION_ID=3.20.1\n", "", "alpine", "3.20.1"],
  ["ID=arch\n", "", "arch", undefined],
])("%p with debian_version %p is %s %p", (osRelease, debianVersion, name, version) => {
  const found = describeSystem(osRelease, debianVersion);
  expect(found["os.name"]).toBe(name);
  expect(found["os.version"]).toBe(version as string);
});

test("the volume is the device of the mount that the directory lies in", () => {
  const mounts = [
    "/dev/vda / ext4 rw 0 0",
    "/dev/vdb /var ext4 rw 0 0",
    "/dev/vdc /var/lib\\040x xfs rw 0 0",
    "/dev/vdd /var xfs rw 0 0",
    "",
  ].join("\n");
  expect(findVolume(mounts, "/var/lib x/paddock")).toBe("/dev/vdc");
  expect(findVolume(mounts, "/var/lib")).toBe("/dev/vdd");
  expect(findVolume(mounts, "/variable")).toBe("/dev/vda");
  expect(findVolume(mounts, "/")).toBe("/dev/vda");
  expect(findVolume("", "/")).toBeUndefined();
});

test("huge pages are counted by their size, where there are any", async () => {
  await using dir = tempDir();
  const size = (name: string, total: string, free: string): void => {
    mkdirSync(dir.file(name));
    writeFileSync(dir.file(name, "nr_hugepages"), total);
    writeFileSync(dir.file(name, "free_hugepages"), free);
  };
  size("hugepages-2048kB", "512\n", "500\n");
  size("hugepages-1048576kB", "0\n", "0\n");
  size("something-else", "7\n", "7\n");
  expect(describeHugePages(dir.path)).toEqual({
    "memory.hugepages_2048kb.total": "512",
    "memory.hugepages_2048kb.free": "500",
  });
  expect(describeHugePages(dir.file("nowhere"))).toEqual({});
});
