import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DEMO_DISK_BYTES } from "../../src/guest/demo-image.ts";
import { overlayBytes } from "../../src/image/overlay.ts";
import { grubRescueIso, withoutEscapes } from "../guests/grub.ts";
import { DEMO_DISK_SHA256 } from "../helpers/demo-disk.ts";
import { diskBench, OVERLAY } from "../helpers/disk-bench.ts";
import { hashOf, hexOf } from "../helpers/hash.ts";
import { consoleOf, idOf, imagesDir, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(300_000);

const { bed, run, booted, failure, filesOf, messages, restart, stop } = diskBench();

/** Files that a process has open for writing. */
function writableIn(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const flags = /^flags:\s+0?([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & 3) === 0 ? [] : [readlinkSync(`/proc/${pid}/fd/${fd}`)];
  });
}

describe("an overlay over an image of image_paths", () => {
  test("takes what the guest writes, start after start, also of the next agent, and leaves the image as it was", async () => {
    await run(OVERLAY);
    await booted(1);
    expect(messages()).toContain(`the disk is ${filesOf().overlay}, an overlay over ${bed.image} (raw), 1.4 MiB`);
    await restart();
    await booted(2);
    await bed.restart();
    await restart();
    await booted(3);
    await stop();
    expect(hashOf(bed.image)).toBe(DEMO_DISK_SHA256);
    expect(statSync(filesOf().overlay).mode & 0o777).toBe(0o600);
    const check = execFileSync("qemu-img", ["check", "-f", "qcow2", filesOf().overlay], { encoding: "utf8" });
    expect(check).toContain("No errors were found");
  });

  test("is shared by many as its base, also by one that is for reading only", async () => {
    chmodSync(bed.image, 0o444);
    await run(OVERLAY);
    await run(OVERLAY, "second");
    await run('args = ["-snapshot"]\n disk = "overlay"', "third");
    for (const id of ["demo", "second", "third"]) {
      await booted(1, id);
      const { identity } = await machineOf(bed.agent, "running", id);
      expect(writableIn(identity.pid)).not.toContain(bed.image);
    }
    expect(filesOf("demo").overlay).not.toBe(filesOf("second").overlay);
    expect(hashOf(bed.image)).toBe(DEMO_DISK_SHA256);
    expect(hashOf(filesOf("third").overlay)).toBe(hexOf(overlayBytes(DEMO_DISK_BYTES)));
  });

  test("grows by disk_size, and a size that is less than the image's is refused with both", async () => {
    await run(`${OVERLAY}\n disk_size = "20GiB"`);
    await booted(1);
    await stop();
    const info = execFileSync("qemu-img", ["info", "--output=json", filesOf().overlay], { encoding: "utf8" });
    expect(JSON.parse(info)["virtual-size"]).toBe(20 * 2 ** 30);
    await run(`${OVERLAY}\n disk_size = "512KiB"`, "small");
    expect(await failure("small")).toContain(
      `disk_size 512 KiB: the image has a disk of 1.4 MiB (${DEMO_DISK_BYTES} bytes), which is more`,
    );
    expect(existsSync(filesOf("small").record)).toBe(false);
  });

  test("over a qcow2 has the qcow2's disk", async () => {
    const qcow2 = join(imagesDir(bed.dir.path), "demo.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", bed.image, qcow2]);
    const base = hashOf(qcow2);
    await run(OVERLAY, "demo", qcow2);
    await booted(1);
    await restart();
    await booted(2);
    expect(hashOf(qcow2)).toBe(base);
  });
});

test("a guest that writes a qcow2 header into its raw disk starts again on that raw disk, direct and as an overlay", async () => {
  const evil = bed.dir.file("evil.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", evil, "1M"]);
  for (const [id, config] of Object.entries({ direct: "", over: OVERLAY, copied: 'disk = "copy"' })) {
    const own = writeDemoDisk(bed.dir.path, `${id}.img`);
    await run(config, id, own);
    await booted(1, id);
    const { identity } = await machineOf(bed.agent, "running", id);
    process.kill(identity.pid, "SIGSTOP");
    // What the guest could write from within; an overlay keeps it where nobody looks for headers.
    const written = { direct: own, copied: filesOf(id).copy }[id];
    if (written !== undefined) writeFileSync(written, readFileSync(evil).subarray(0, 4096), { flag: "r+" });
    process.kill(identity.pid, "SIGKILL");
    await until(
      "another process",
      async () => (await machineOf(bed.agent, "running", id)).identity.pid !== identity.pid,
    );
    const format = bed.agent.launchPlan(idOf(bed.agent, id), "vm").argv.map(({ word }) => word);
    expect(format.find((word) => word.startsWith("id=image0"))).toContain(
      id === "over" ? '"driver":"raw"' : "format=raw",
    );
  }
});

describe("a copy", () => {
  test("is written to instead of the image, and the same one at every start", async () => {
    chmodSync(bed.image, 0o444);
    await run('disk = "copy"\n disk_size = "3MiB"');
    await booted(1);
    await restart();
    await booted(2);
    expect(hashOf(bed.image)).toBe(DEMO_DISK_SHA256);
    expect(statSync(filesOf().copy)).toMatchObject({ size: 3 << 20 });
    expect(statSync(filesOf().copy).mode & 0o777).toBe(0o600);
    // What the image becomes is nothing to it.
    rmSync(bed.image);
    await restart();
    await booted(3);
  });

  test("keeps holes", async () => {
    truncateSync(bed.image, 64 << 20);
    await run('disk = "copy"');
    await booted(1);
    expect(statSync(filesOf().copy).size).toBe(64 << 20);
    expect(statSync(filesOf().copy).blocks * 512).toBeLessThan(1 << 20);
  });

  test("of a qcow2 is not made larger", async () => {
    const qcow2 = join(imagesDir(bed.dir.path), "demo.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", bed.image, qcow2]);
    await run('disk = "copy"\n disk_size = "3MiB"', "demo", qcow2);
    expect(await failure()).toContain("a copy of a qcow2 stays as large as it is");
    await run('disk = "copy"', "plain", qcow2);
    await booted(1, "plain");
  });
});

describe("an ISO 9660 image", () => {
  test("boots as a CD-ROM that is only read, for many at once, also where nobody may write to it", async () => {
    const iso = join(imagesDir(bed.dir.path), "rescue.iso");
    copyFileSync(grubRescueIso(), iso);
    chmodSync(iso, 0o444);
    const hash = hashOf(iso);
    const serial = async (id: string): Promise<string> => withoutEscapes(await consoleOf(bed.agent, id));
    for (const id of ["demo", "second"]) await run("", id, iso);
    for (const id of ["demo", "second"]) {
      await until(`GRUB in ${id}`, async () => (await serial(id)).includes("Welcome to GRUB"), { deadline: 140_000 });
      expect(await serial(id)).toContain("Booting from DVD/CD");
    }
    const argv = bed.agent.launchPlan(idOf(bed.agent), "vm").argv.map(({ word }) => word);
    expect(argv).toContain(
      "id=image0,if=ide,media=cdrom,readonly=on,format=raw,file.driver=file,file.filename=/dev/fdset/1",
    );
    expect(argv).not.toContain("fd=4,set=1");
    // What is made for both is a hard disk when the job says what to write to.
    await run(OVERLAY, "hybrid", iso);
    await until("GRUB from a disk", async () => (await serial("hybrid")).includes("Booting from Hard Disk"), {
      deadline: 140_000,
    });
    expect(hashOf(iso)).toBe(hash);
  });
});
