import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findEmulators } from "../../src/node/emulators.ts";
import { taskDirs } from "../../src/paths.ts";
import { grubRescueIso, withoutEscapes } from "../guests/grub.ts";
import { debianInstaller } from "../guests/installer.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { checksumOf } from "../helpers/hash.ts";
import { consoleOf, demoJob, idOf, jobFrom, newestOf } from "../helpers/in-process-agent.ts";
import { jobText } from "../helpers/jobs.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { runProgram } from "../helpers/run.ts";
import { Hopeless, patiently, until } from "../helpers/until.ts";

setDefaultTimeout(300_000);

const GIB = 2 ** 30;
const bed = agentPerTest(false);
let origin: Origin;
beforeEach(async () => {
  origin = await startOrigin({});
});
afterEach(() => origin[Symbol.asyncDispose]());

async function real(...argv: [string, ...string[]]): Promise<void> {
  expect(await runProgram(argv, { cwd: bed.dir.path, deadline: 60_000 })).toMatchObject({ code: 0 });
}

/** Serves a file of the test's directory, and has the agent fetch it by its checksum and boot from what it is or holds. */
async function boot(name: string, image: string, config = ""): Promise<void> {
  const body = readFileSync(bed.dir.file(name));
  origin.set(`/${name}`, { kind: "bytes", body });
  const task = `artifact {\n source = "${origin.url(`/${name}`)}"\n options {\n checksum = "${checksumOf(body)}"\n }\n }`;
  await bed.start();
  await bed.agent.registerJob(demoJob(`local/${image}`, { config, task }), null, {});
}

const booted = (): Promise<unknown> =>
  patiently("the demo guest to boot", async () => (await consoleOf(bed.agent)).includes("boot=1"));
const local = (name: string): string => join(taskDirs(bed.dirs, idOf(bed.agent), "vm").local, name);

describe("a machine boots from", () => {
  // https://cloud.google.com/compute/docs/import/import-existing-image: tar --format=oldgnu -Sczf compressed-image.tar.gz disk.raw
  test.each([
    ["the sparse tarball of Google's documentation", ["--format=oldgnu", "-Sczf"]],
    ["a sparse tarball of pax", ["--format=pax", "-Sczf"]],
    ["a sparse tarball of pax in its oldest form", ["--format=pax", "--sparse-version=0.0", "-Sczf"]],
  ])("%s, and its disk has the holes that it had", async (_, [format = "", ...options]) => {
    writeFileSync(bed.dir.file("disk.raw"), demoDisk());
    truncateSync(bed.dir.file("disk.raw"), GIB);
    await real("tar", format, ...options, "disk.tar.gz", "disk.raw");
    await boot("disk.tar.gz", "disk.raw");
    await booted();
    const { size, blocks } = statSync(local("disk.raw"));
    expect(size).toBe(GIB);
    expect(blocks * 512).toBeLessThan(1 << 20);
  });

  test.each([
    ["plain", []],
    ["compressed with zlib", ["-c"]],
    ["compressed with zstd", ["-c", "-o", "compression_type=zstd"]],
    ["with clusters of 2 MiB", ["-o", "cluster_size=2M"]],
    ["with clusters of 512 bytes", ["-o", "cluster_size=512"]],
    ["with subclusters", ["-o", "extended_l2=on,cluster_size=128k"]],
    ["of version 2", ["-o", "compat=0.10"]],
  ])("a qcow2 as qemu-img converts one, %s, by an overlay over it", async (_, options) => {
    writeFileSync(bed.dir.file("disk.raw"), demoDisk());
    truncateSync(bed.dir.file("disk.raw"), 64 << 20);
    await real("qemu-img", "convert", "-f", "raw", "-O", "qcow2", ...options, "disk.raw", "disk.qcow2");
    await boot("disk.qcow2", "disk.qcow2");
    await booted();
    expect(
      newestOf(bed.agent)
        ?.tasks["vm"]?.events.map(({ message }) => message)
        .join("\n"),
    ).toContain("overlay");
    expect(readFileSync(local("disk.qcow2")).equals(readFileSync(bed.dir.file("disk.qcow2")))).toBe(true);
  });

  test("the CD-ROM of GRUB's rescue disk", async () => {
    copyFileSync(grubRescueIso(), bed.dir.file("grub.iso"));
    await boot("grub.iso", "grub.iso");
    const spoken = async () => withoutEscapes(await consoleOf(bed.agent)).includes("Welcome to GRUB");
    await until("GRUB", spoken, { deadline: 140_000 });
  });
});

describe("Debian's installer", () => {
  test("starts from Debian's own kernel and initrd, proved by Debian's own list and unpacked, for another processor", async () => {
    const { root, kernel, initrd, checksums, programs } = debianInstaller();
    for (const name of [kernel, initrd, checksums]) {
      origin.set(`/${name}`, { kind: "bytes", body: readFileSync(join(root, name)) });
    }
    // The list has paths from the root of the package.
    origin.set("/md5sums", { kind: "bytes", body: readFileSync(join(root, checksums)) });
    const artifact = (name: string): string =>
      `artifact {\n source = "${origin.url(`/${name}`)}"\n options {\n checksum = "file:${origin.url("/md5sums")}"\n }\n }`;
    const { emulators } = await findEmulators(programs, ["arm"]);
    await bed.start({ emulators });
    const config = `emulator = "qemu-system-arm"
      machine_type = "virt"
      drive_interface = "virtio"
      args = ["-nic", "none", "-kernel", "local/vmlinuz", "-initrd", "local/initrd", "-append", "console=ttyAMA0 DEBIAN_FRONTEND=text"]`;
    const task = `${artifact(kernel)}\n${artifact(initrd)}`;
    const job = jobFrom(jobText({ image: bed.image, config, task, memory: 256 }));
    await bed.agent.registerJob(job, null, {});
    await until(
      "the installer's first own line",
      async () => {
        const machine = newestOf(bed.agent)?.tasks["vm"]?.machine;
        if (machine?.kind === "ended") throw new Hopeless(machine.ending.message);
        return (await consoleOf(bed.agent)).includes("Starting system log daemon: syslogd, klogd.");
      },
      { deadline: 240_000, every: 200 },
    );
    const events = newestOf(bed.agent)
      ?.tasks["vm"]?.events.map(({ message }) => message)
      .join("\n");
    expect(events).toContain("md5sums says of initrd.gz: md5:");
  });
});
