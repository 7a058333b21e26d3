import { describe, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { growOverlay, inspectOverlay, isUntouched, overlayBytes } from "../../src/image/overlay.ts";
import { runProgram } from "../helpers/run.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";

const dir = tempForAll();

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

async function qemu(program: "qemu-img" | "qemu-io", ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram([program, ...args], { cwd: dir.path });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

function withFile<T>(name: string, use: (fd: number) => T): T {
  const fd = openSync(dir.file(name), "r+");
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

const grow = (name: string, size: number): void => withFile(name, (fd) => growOverlay(fd, size));
const untouched = (name: string): boolean => withFile(name, (fd) => isUntouched(fd, fstatSync(fd).size));

async function isSound(name: string, size: number): Promise<void> {
  const check = JSON.parse(await qemu("qemu-img", "check", "-f", "qcow2", "--output=json", name));
  expect(check).toMatchObject({ "check-errors": 0 });
  expect(check).not.toContainAnyKeys(["leaks", "corruptions"]);
  const info = JSON.parse(await qemu("qemu-img", "info", "-f", "qcow2", "--output=json", name));
  expect(info).toMatchObject({ "virtual-size": size, "cluster-size": 65536, format: "qcow2" });
  expect(info["format-specific"].data).toMatchObject({ compat: "1.1", "lazy-refcounts": false, corrupt: false });
  expect(info).not.toContainAnyKeys(["backing-filename", "dirty-flag-set"]);
}

/** The options by which qemu-io sees an overlay over its base, as QEMU does. */
const over = (overlay: string, base: string, driver: string): string =>
  `driver=qcow2,file.driver=file,file.filename=${overlay},backing.driver=${driver},backing.file.driver=file,backing.file.filename=${base}`;

describe("an overlay is a qcow2 that qemu-img finds nothing wrong with", () => {
  test.each([[512], [MIB + 512], [GIB], [20 * GIB], [4 * TIB], [4 * TIB + 512], [100 * TIB]])(
    "of %d bytes",
    async (size) => {
      writeFileSync(dir.file("new.qcow2"), overlayBytes(size));
      await isSound("new.qcow2", size);
      expect(withFile("new.qcow2", inspectOverlay)).toEqual({ format: "qcow2", virtualSize: size });
      expect(untouched("new.qcow2")).toBe(true);
    },
  );
});

describe("over a base that the command line pins", () => {
  for (const format of ["raw", "qcow2"]) {
    test(`in format ${format} it reads what the base has and zeros behind it, and takes what is written`, async () => {
      const base = `base.${format}`;
      const overlay = `over-${format}.qcow2`;
      await qemu("qemu-img", "create", "-q", "-f", format, base, "1M");
      await qemu("qemu-io", "-f", format, "-c", "write -q -P 0x5a 0 1M", base);
      const before = readFileSync(dir.file(base));
      writeFileSync(dir.file(overlay), overlayBytes(GIB));
      const node = over(overlay, base, format);
      const tries = [
        "read -P 0x5a 0 1M",
        "read -P 0 1M 4M",
        "write -q -P 7 512K 4M",
        "read -P 0x5a 0 512K",
        "read -P 7 512K 4M",
      ];
      const said = await qemu("qemu-io", "--image-opts", ...tries.flatMap((one) => ["-c", one]), node);
      expect(said).not.toContain("failed");
      expect(untouched(overlay)).toBe(false);
      grow(overlay, 3 * TIB);
      await isSound(overlay, 3 * TIB);
      const after = [
        "read -P 7 512K 4M",
        `read -P 0 ${2 * TIB} 1M`,
        `write -q -P 9 ${2 * TIB} 1M`,
        `read -P 9 ${2 * TIB} 1M`,
      ];
      expect(await qemu("qemu-io", "--image-opts", ...after.flatMap((one) => ["-c", one]), node)).not.toContain(
        "failed",
      );
      await isSound(overlay, 3 * TIB);
      expect(readFileSync(dir.file(base)).equals(before)).toBe(true);
    });
  }
});

describe("it grows by its header alone", () => {
  test("as far as its L1 table reaches, and never shrinks", async () => {
    writeFileSync(dir.file("grow.qcow2"), overlayBytes(MIB));
    grow("grow.qcow2", MIB);
    expect(untouched("grow.qcow2")).toBe(true);
    grow("grow.qcow2", 4 * TIB);
    await isSound("grow.qcow2", 4 * TIB);
    expect(() => grow("grow.qcow2", 4 * TIB + 512)).toThrow("its L1 table reaches to 4 TiB");
    expect(() => grow("grow.qcow2", TIB)).toThrow("a disk of 4 TiB cannot become one of 1 TiB: disks do not shrink");
    expect(() => grow("grow.qcow2", 5 * TIB + 1)).toThrow("a multiple of 512 bytes");
    await isSound("grow.qcow2", 4 * TIB);
  });

  test("unless somebody made snapshots in it", async () => {
    writeFileSync(dir.file("snapshots.qcow2"), overlayBytes(MIB));
    await qemu("qemu-img", "snapshot", "-c", "one", "snapshots.qcow2");
    expect(() => grow("snapshots.qcow2", GIB)).toThrow("snapshots or bitmaps of its own");
  });
});

describe("what a QEMU that was taken over wrote into it is refused", () => {
  test.each([
    ["a backing file", ["rebase", "-u", "-b", "/etc/shadow", "-F", "raw"], "a qcow2 image with a backing file"],
    ["an older version", ["amend", "-o", "compat=0.10"], "a file that is no qcow2 of version 3"],
  ])("%s", async (_, [command = "", ...options], found) => {
    writeFileSync(dir.file("evil.qcow2"), overlayBytes(MIB));
    await qemu("qemu-img", command, "-f", "qcow2", ...options, "evil.qcow2");
    expect(withFile("evil.qcow2", inspectOverlay)).toMatchObject({ found: expect.stringContaining(found) });
    expect(() => grow("evil.qcow2", GIB)).toThrow(found);
  });

  test("an external data file, encryption, another format, nothing at all", async () => {
    await qemu(
      "qemu-img",
      "create",
      "-q",
      "-f",
      "qcow2",
      "-o",
      `data_file=${dir.file("data.raw")}`,
      "data.qcow2",
      "1M",
    );
    expect(withFile("data.qcow2", inspectOverlay)).toMatchObject({ found: "a qcow2 image with an external data file" });
    await qemu("qemu-img", "create", "-q", "-f", "vmdk", "other.vmdk", "1M");
    expect(withFile("other.vmdk", inspectOverlay).format).toBe("refused");
    writeFileSync(dir.file("raw"), Buffer.alloc(MIB, 1));
    expect(withFile("raw", inspectOverlay)).toMatchObject({ found: "a file that is no qcow2 of version 3" });
    const crypt = Buffer.from(overlayBytes(MIB));
    crypt.writeUInt32BE(2, 32);
    writeFileSync(dir.file("crypt"), crypt);
    expect(withFile("crypt", inspectOverlay)).toMatchObject({ found: "a qcow2 image encrypted with LUKS" });
    truncateSync(dir.file("raw"), 0);
    expect(withFile("raw", inspectOverlay)).toMatchObject({ found: "an empty file" });
    expect(untouched("raw")).toBe(false);
  });
});

test("one byte that differs is somebody's data", () => {
  const bytes = Buffer.from(overlayBytes(MIB));
  bytes[3 * 65536 + 7] = 1;
  writeFileSync(dir.file("touched"), bytes);
  expect(untouched("touched")).toBe(false);
  writeFileSync(dir.file("touched"), Buffer.concat([overlayBytes(MIB), Buffer.alloc(1)]));
  expect(untouched("touched")).toBe(false);
});
