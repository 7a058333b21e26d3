import { describe, expect, test } from "bun:test";
import { closeSync, openSync, truncateSync, writeFileSync } from "node:fs";
import { describeImage } from "../../src/image/describe.ts";
import { inspectHeader } from "../../src/image/header.ts";
import type { Inspection } from "../../src/image/inspection.ts";
import { runProgram } from "../helpers/run.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";

const dir = tempForAll();

async function qemuImg(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(["qemu-img", ...args], { cwd: dir.path });
  if (code !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function inspect(name: string): Inspection {
  const fd = openSync(dir.file(name), "r");
  try {
    return inspectHeader(fd);
  } finally {
    closeSync(fd);
  }
}

describe("a qcow2 made by qemu-img is accepted with the size that qemu-img tells", () => {
  test.each([
    ["plain", ["10G"]],
    ["tiny", ["512"]],
    ["version 2", ["-o", "compat=0.10", "3G"]],
    ["clusters of 512 bytes", ["-o", "cluster_size=512", "1G"]],
    ["clusters of 2 MiB", ["-o", "cluster_size=2M", "100T"]],
    ["zstd", ["-o", "compression_type=zstd", "1G"]],
    ["subclusters", ["-o", "extended_l2=on,cluster_size=128k", "5G"]],
    ["lazy refcounts of 1 bit", ["-o", "lazy_refcounts=on,refcount_bits=1", "1G"]],
    ["preallocated", ["-o", "preallocation=metadata", "64M"]],
  ])("%s", async (name, args) => {
    const file = `${name.replaceAll(" ", "-")}.qcow2`;
    const options = args.slice(0, -1);
    await qemuImg("create", "-q", "-f", "qcow2", ...options, file, args.at(-1) ?? "");
    const info = JSON.parse(await qemuImg("info", "--output=json", file)) as { "virtual-size": number };
    expect(inspect(file)).toEqual({ format: "qcow2", virtualSize: info["virtual-size"] });
  });

  test("with snapshots inside", async () => {
    await qemuImg("create", "-q", "-f", "qcow2", "snap.qcow2", "1G");
    for (const name of ["one", "two"]) await qemuImg("snapshot", "-c", name, "snap.qcow2");
    expect(inspect("snap.qcow2").format).toBe("qcow2");
  });

  test("with dirty bitmaps", async () => {
    await qemuImg("create", "-q", "-f", "qcow2", "bitmap.qcow2", "1G");
    await qemuImg("bitmap", "--add", "bitmap.qcow2", "b0");
    expect(inspect("bitmap.qcow2").format).toBe("qcow2");
  });

  test("after its backing file was taken away", async () => {
    await qemuImg("create", "-q", "-f", "raw", "old-base.raw", "1M");
    await qemuImg("create", "-q", "-f", "qcow2", "-b", "old-base.raw", "-F", "raw", "rebased.qcow2");
    await qemuImg("rebase", "-f", "qcow2", "-b", "", "rebased.qcow2");
    expect(inspect("rebased.qcow2")).toEqual({ format: "qcow2", virtualSize: 1 << 20 });
  });
});

test("a raw image made by qemu-img has the size that qemu-img tells", async () => {
  await qemuImg("create", "-q", "-f", "raw", "disk.raw", "5M");
  expect(inspect("disk.raw")).toEqual({ format: "raw", virtualSize: 5 << 20 });
});

describe("what QEMU itself takes for another format, or would follow to another file, is refused", () => {
  test.each([
    ["qcow", "a qcow (version 1) image", []],
    ["qed", "a QED image", []],
    ["vdi", "a VDI image", []],
    ["vmdk", "a VMDK image", []],
    ["vmdk", "a VMDK image", ["-o", "subformat=streamOptimized"]],
    ["vmdk", "a VMDK descriptor", ["-o", "subformat=monolithicFlat"]],
    ["vmdk", "a VMDK descriptor", ["-o", "subformat=twoGbMaxExtentSparse"]],
    ["vpc", "a VHD image", []],
    ["vpc", "a VHD image", ["-o", "subformat=fixed"]],
    ["vhdx", "a VHDX image", []],
    ["parallels", "a Parallels image", []],
  ])("%s is %s %p", async (format, found, options) => {
    const file = `other-${format}-${options.join("").replaceAll(/\W/g, "")}`;
    await qemuImg("create", "-q", "-f", format, ...options, file, "8M");
    expect(inspect(file)).toMatchObject({ format: "refused", found });
  });

  test("a qcow2 with AES", async () => {
    const secret = ["--object", "secret,id=s,data=x"];
    const aes = "encrypt.format=aes,encrypt.key-secret=s";
    await qemuImg("create", "-q", ...secret, "-f", "qcow2", "-o", aes, "aes.qcow2", "1M");
    expect(inspect("aes.qcow2")).toMatchObject({ format: "refused", found: "a qcow2 image encrypted with AES" });
  });

  test("a qcow2 with a backing file that it names in any way", async () => {
    await qemuImg("create", "-q", "-f", "raw", "base.raw", "1M");
    for (const base of [
      "base.raw",
      dir.file("base.raw"),
      "file:base.raw",
      'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}',
    ]) {
      await qemuImg("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", "over.qcow2");
      expect(inspect("over.qcow2")).toMatchObject({ found: expect.stringContaining("with a backing file (") });
    }
    await qemuImg("rebase", "-u", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", "over.qcow2");
    expect(inspect("over.qcow2")).toMatchObject({ found: 'a qcow2 image with a backing file ("/etc/shadow")' });
  });

  test("a qcow2 with an external data file", async () => {
    await qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${dir.file("data.raw")}`, "data.qcow2", "1M");
    expect(inspect("data.qcow2")).toMatchObject({ found: "a qcow2 image with an external data file" });
  });

  test("a download that broke off within the tables", async () => {
    await qemuImg("create", "-q", "-f", "qcow2", "cut.qcow2", "10G");
    truncateSync(dir.file("cut.qcow2"), 100_000);
    expect(inspect("cut.qcow2")).toMatchObject({ found: expect.stringContaining("a damaged qcow2 image") });
  });

  test("what a guest wrote over its raw disk's first sectors is what the header says", async () => {
    await qemuImg("create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", "-u", "evil.qcow2", "1M");
    const evil = await Bun.file(dir.file("evil.qcow2")).bytes();
    writeFileSync(dir.file("guest.raw"), Buffer.concat([evil, Buffer.alloc(1 << 20)]));
    expect(inspect("guest.raw").format).toBe("refused");
  });
});

describe("what is told of a qcow2 is what qemu-img tells", () => {
  interface Info {
    readonly "virtual-size": number;
    readonly "actual-size": number;
    readonly "cluster-size": number;
    readonly "backing-filename"?: string;
    readonly "backing-filename-format"?: string;
    readonly encrypted?: boolean;
    readonly snapshots?: readonly { readonly id: string; readonly name: string; readonly "date-sec": number }[];
    readonly "format-specific": { readonly data: Readonly<Record<string, unknown>> };
  }

  test.each([
    ["facts-plain", ["10G"]],
    ["facts-v2", ["-o", "compat=0.10", "3G"]],
    ["facts-small", ["-o", "cluster_size=512", "1G"]],
    ["facts-large", ["-o", "cluster_size=2M", "100T"]],
    ["facts-zstd", ["-o", "compression_type=zstd", "1G"]],
    ["facts-subclusters", ["-o", "extended_l2=on,cluster_size=128k", "5G"]],
    ["facts-lazy", ["-o", "lazy_refcounts=on,refcount_bits=1", "1G"]],
    ["facts-backed", ["-b", "facts-base.raw", "-F", "raw", "1G"]],
    ["facts-data", ["-o", "data_file=facts-data.raw", "1G"]],
  ])("%s", async (name, args) => {
    const file = `${name}.qcow2`;
    if (name === "facts-backed") await qemuImg("create", "-q", "-f", "raw", "facts-base.raw", "1M");
    await qemuImg("create", "-q", "-f", "qcow2", ...args.slice(0, -1), file, args.at(-1) ?? "");
    if (name === "facts-plain") for (const tag of ["one", "two words"]) await qemuImg("snapshot", "-c", tag, file);
    const info = JSON.parse(await qemuImg("info", "--output=json", file)) as Info;
    const special = info["format-specific"].data;
    const told = describeImage(dir.file(file));
    expect(told).toMatchObject({ format: "qcow2", virtualSize: info["virtual-size"], diskSize: info["actual-size"] });
    expect(told.qcow2).toMatchObject({
      version: special["compat"] === "0.10" ? 2 : 3,
      clusterSize: info["cluster-size"],
      compression: special["compression-type"],
      refcountBits: special["refcount-bits"],
      lazyRefcounts: special["lazy-refcounts"] ?? false,
      subclusters: special["extended-l2"] ?? false,
      corrupt: special["corrupt"] ?? false,
      dirty: false,
      encryption: null,
      backingFile: info["backing-filename"] ?? null,
      backingFormat: info["backing-filename-format"] ?? null,
      dataFile: special["data-file"] ?? null,
      snapshotCount: info.snapshots?.length ?? 0,
    });
    expect(told.qcow2?.snapshots.map((one) => [one.id, one.name, Math.floor(one.takenAt / 1000)])).toEqual(
      (info.snapshots ?? []).map((one) => [one.id, one.name, one["date-sec"]]),
    );
  });
});
