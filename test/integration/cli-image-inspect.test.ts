import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { runInProcess } from "../helpers/cli.ts";
import { runProgram } from "../helpers/run.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";

const dir = tempForAll();
beforeAll(async () => {
  await qemuImg("create", "-q", "-f", "qcow2", "disk.qcow2", "10G");
  for (const name of ["installed", "\u001b[31mred"]) await qemuImg("snapshot", "-c", name, "disk.qcow2");
  await qemuImg("create", "-q", "-f", "raw", "base\u001b]0;title\u0007.raw", "1M");
  await qemuImg("create", "-q", "-f", "qcow2", "-b", "base\u001b]0;title\u0007.raw", "-F", "raw", "over.qcow2");
});

async function qemuImg(...args: string[]): Promise<void> {
  const { code, stderr } = await runProgram(["qemu-img", ...args], { cwd: dir.path });
  if (code !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${stderr}`);
}

const inspect = (name: string, ...flags: string[]) =>
  runInProcess(["image", "inspect", ...flags, dir.file(name)], { columns: 80 });

describe("image inspect needs no agent and", () => {
  test("shows what a good image is, with the snapshots inside, and exits with 0", async () => {
    const { code, stdout, stderr } = await inspect("disk.qcow2");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const line of [
      /^Format += qcow2, version 3$/m,
      /^Virtual size += 10 GiB \(10737418240 bytes\)$/m,
      /^Cluster size += 64 KiB$/m,
      /^For a job += yes$/m,
      /^1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +- +installed$/m,
      /\\x1b\[31mred$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toContain("\u001b");
  });

  test("calls an ISO 9660 image what it boots as, and no other raw image so", async () => {
    const bytes = Buffer.alloc(64 << 10);
    writeFileSync(dir.file("plain.raw"), bytes);
    bytes.write("CD001", 0x8001, "latin1");
    writeFileSync(dir.file("install.iso"), bytes);
    const shown = await inspect("install.iso");
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Format += iso \(CD-ROM\)$/m) });
    expect(JSON.parse((await inspect("install.iso", "-json")).stdout)).toMatchObject({ Format: "raw", CDROM: true });
    expect((await inspect("plain.raw")).stdout).toMatch(/^Format += raw$/m);
  });

  test("says why a job may not use an image and what to do, and exits with 1", async () => {
    const { code, stdout } = await inspect("over.qcow2");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Backing file += base\\x1b\]0;title\\x07\.raw, as raw$/m);
    expect(stdout).toMatch(/^For a job += no: a qcow2 image with a backing file/m);
    expect(stdout).toMatch(/→ make one file of it .*qemu-img convert/s);
    expect(stdout).not.toMatch(/[\u001b\u0007]/);
  });

  test("prints it as JSON that a terminal may be given", async () => {
    const { stdout } = await inspect("over.qcow2", "-json");
    expect(stdout).not.toMatch(/[\u001b\u0007]/);
    expect(JSON.parse(stdout)).toMatchObject({
      Path: dir.file("over.qcow2"),
      Format: "qcow2",
      VirtualSize: 1 << 20,
      Qcow2: { BackingFile: "base\u001b]0;title\u0007.raw", BackingFormat: "raw", SnapshotCount: 0 },
      Refused: { Found: expect.stringContaining("backing file"), Hint: expect.stringContaining("convert") },
    });
  });

  test("no line is wider than the terminal", async () => {
    for (const name of ["disk.qcow2", "over.qcow2"]) {
      const { stdout } = await inspect(name);
      const lines = stdout.split("\n").filter((line) => !line.startsWith("File "));
      expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    }
  });

  test("says what is no image", async () => {
    const { code, stderr } = await runInProcess(["image", "inspect", dir.path]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Error: ${dir.path}: expected a regular file, found a directory\nhint: name the image file in it\n`,
    );
  });
});
