import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { overlayBytes } from "../../src/image/overlay.ts";
import { diskFiles, taskDirs, unfinished } from "../../src/paths.ts";
import { grubRescueIso, withoutEscapes } from "../guests/grub.ts";
import { makeWriterDisk } from "../guests/writer.ts";
import { clearAway } from "../helpers/clear-away.ts";
import {
  consoleOf,
  demoJob,
  type InProcessAgent,
  imagesDir,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;
let image: string;
let before: string;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
  image = writeDemoDisk(dir.path);
  before = hashOf(image);
});

afterEach(() => clearAway(dir, running));

const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
const OVERLAY = 'disk = "overlay"';
const REPEAT = 'attempts = 9\n interval = "1h"\n delay = "0s"\n mode = "fail"';

const run = async (config: string, id = "demo", path = image): Promise<void> => {
  await running.agent.registerJob(demoJob(path, { id, config, restart: REPEAT }), null, {});
};
const newest = (id = "demo") => running.agent.allocations({ jobId: id }).at(-1);
const filesOf = (id = "demo") => {
  const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
  return diskFiles(taskDirs(dirs, newest(id)?.id ?? "", "vm"));
};
const events = (id = "demo"): string[] => newest(id)?.tasks["vm"]?.events.map(({ message }) => message) ?? [];

/** Waits for a start of the demo guest, which counts its starts on its disk. */
const booted = (count: number, id = "demo", ro = false): Promise<unknown> =>
  until(`boot ${count} of ${id}`, async () =>
    (await consoleOf(running.agent, id)).includes(`boot=${count}${ro ? " ro" : ""}`),
  );

/** Files that a process has open for writing. */
function writableIn(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const flags = /^flags:\s+0?([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & 3) === 0 ? [] : [readlinkSync(`/proc/${pid}/fd/${fd}`)];
  });
}

async function stop(id = "demo"): Promise<void> {
  await running.agent.deregisterJob(id, { purge: false });
  await machineOf(running.agent, "ended", id);
}

const failure = async (id = "demo"): Promise<string> => {
  const { ending } = await machineOf(running.agent, "ended", id);
  return ending.message;
};

describe("an overlay over an image of image_paths", () => {
  test("takes what the guest writes, start after start, also of the next agent, and leaves the image as it was", async () => {
    await run(OVERLAY);
    await booted(1);
    expect(events().join("\n")).toContain(`the disk is ${filesOf().overlay}, an overlay over ${image} (raw), 1.4 MiB`);
    // What was not flushed is lost with SIGKILL, in a qcow2 as elsewhere: give the button.
    const restart = async (): Promise<void> => running.agent.restartAllocation(newest()?.id ?? "", "vm");
    await restart();
    await booted(2);
    running.close();
    running = await startInProcess(dir.path);
    await restart();
    await booted(3);
    await stop();
    expect(hashOf(image)).toBe(before);
    expect(statSync(filesOf().overlay).mode & 0o777).toBe(0o600);
    const check = execFileSync("qemu-img", ["check", "-f", "qcow2", filesOf().overlay], { encoding: "utf8" });
    expect(check).toContain("No errors were found");
  });

  test("is shared by many as its base, also by one that is for reading only", async () => {
    chmodSync(image, 0o444);
    await run(OVERLAY);
    await run(OVERLAY, "second");
    await run('args = ["-snapshot"]\n disk = "overlay"', "third");
    for (const id of ["demo", "second", "third"]) {
      await booted(1, id);
      const { identity } = await machineOf(running.agent, "running", id);
      expect(writableIn(identity.pid)).not.toContain(image);
    }
    expect(filesOf("demo").overlay).not.toBe(filesOf("second").overlay);
    expect(hashOf(image)).toBe(before);
    expect(hashOf(filesOf("third").overlay)).toBe(
      createHash("sha256").update(overlayBytes(DEMO_DISK_BYTES)).digest("hex"),
    );
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
    const qcow2 = join(imagesDir(dir.path), "demo.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", image, qcow2]);
    const base = hashOf(qcow2);
    await run(OVERLAY, "demo", qcow2);
    await booted(1);
    await running.agent.restartAllocation(newest()?.id ?? "", "vm");
    await booted(2);
    expect(hashOf(qcow2)).toBe(base);
  });
});

describe("a base that is not what it was is never started on", () => {
  test.each([
    ["written to", () => writeFileSync(image, "x", { flag: "r+" }), "it was written to at"],
    ["grown", () => truncateSync(image, 2 << 20), `it has 2097152 bytes, and had ${DEMO_DISK_BYTES}`],
    [
      "replaced",
      () => {
        const other = `${image}.new`;
        writeFileSync(other, demoImage());
        truncateSync(other, DEMO_DISK_BYTES);
        renameSync(other, image);
      },
      "another file has its name",
    ],
  ])("when it was %s", async (_, change, why) => {
    await run(OVERLAY);
    await booted(1);
    change();
    const written = hashOf(filesOf().overlay);
    const { identity } = await machineOf(running.agent, "running");
    process.kill(identity.pid, "SIGKILL");
    expect(await failure()).toContain(
      `${image}, is not the image any more that this machine's disk was made over: ${why}`,
    );
    expect(hashOf(filesOf().overlay)).toBe(written);
  });

  test("nor when it is gone", async () => {
    await run(OVERLAY);
    await booted(1);
    rmSync(image);
    process.kill((await machineOf(running.agent, "running")).identity.pid, "SIGKILL");
    expect(await failure()).toContain("no such file");
  });
});

describe("a disk with somebody's data is never written over", () => {
  const start = async (): Promise<void> => {
    await run(OVERLAY);
    await booted(1);
    await running.agent.restartAllocation(newest()?.id ?? "", "vm");
    await booted(2);
  };
  const kill = async (): Promise<void> => {
    process.kill((await machineOf(running.agent, "running")).identity.pid, "SIGKILL");
  };

  test("when its record is lost the machine does not start", async () => {
    await start();
    const { record, overlay } = filesOf();
    rmSync(record);
    await kill();
    expect(await failure()).toContain(
      `this machine has run on a disk of its own (overlay), and ${record} is not there`,
    );
    expect(existsSync(overlay)).toBe(true);
  });

  test("nor when its machine has moved the agent's directory away, so that the image could be taken for its disk", async () => {
    await start();
    const { dir: own, overlay } = filesOf();
    renameSync(own, `${own}.moved`);
    await kill();
    expect(await failure()).toContain("this machine has run on a disk of its own (overlay)");
    expect(existsSync(overlay)).toBe(false);
    expect(hashOf(image)).toBe(before);
  });

  test("when its record cannot be read neither", async () => {
    await start();
    const { record } = filesOf();
    writeFileSync(record, '{"format":2}');
    await kill();
    expect(await failure()).toContain(`${record} cannot be read`);
  });

  test("when the disk itself is lost no empty one takes its place", async () => {
    await start();
    const { overlay } = filesOf();
    rmSync(overlay);
    await kill();
    expect(await failure()).toContain(`the disk of this machine is gone: there is no ${overlay}`);
    expect(existsSync(overlay)).toBe(false);
  });

  test("an agent that was killed between making a disk and giving it its name is made up for", async () => {
    await start();
    const { overlay } = filesOf();
    renameSync(overlay, unfinished(overlay));
    await kill();
    await booted(3);
    expect(existsSync(overlay)).toBe(true);
    expect(existsSync(unfinished(overlay))).toBe(false);
  });

  test("what a QEMU that was taken over wrote into its overlay is refused", async () => {
    await start();
    const { overlay } = filesOf();
    const { identity } = await machineOf(running.agent, "running");
    process.kill(identity.pid, "SIGSTOP");
    const header = readFileSync(overlay);
    header.write("/etc/shadow", 4096);
    header.writeBigUInt64BE(4096n, 8);
    header.writeUInt32BE("/etc/shadow".length, 16);
    writeFileSync(overlay, header.subarray(0, 8192), { flag: "r+" });
    process.kill(identity.pid, "SIGKILL");
    const said = await failure();
    expect(said).toContain(
      `expected the overlay that paddock made in ${overlay}, found a qcow2 image with a backing file`,
    );
  });
});

test("a guest that writes a qcow2 header into its raw disk starts again on that raw disk, direct and as an overlay", async () => {
  const evil = dir.file("evil.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", evil, "1M"]);
  for (const [id, config] of Object.entries({ direct: "", over: OVERLAY, copied: 'disk = "copy"' })) {
    const own = writeDemoDisk(dir.path, `${id}.img`);
    await run(config, id, own);
    await booted(1, id);
    const { identity } = await machineOf(running.agent, "running", id);
    process.kill(identity.pid, "SIGSTOP");
    // What the guest could write from within; an overlay keeps it where nobody looks for headers.
    const written = { direct: own, copied: filesOf(id).copy }[id];
    if (written !== undefined) writeFileSync(written, readFileSync(evil).subarray(0, 4096), { flag: "r+" });
    process.kill(identity.pid, "SIGKILL");
    await until(
      "another process",
      async () => (await machineOf(running.agent, "running", id)).identity.pid !== identity.pid,
    );
    const format = running.agent.launchPlan(newest(id)?.id ?? "", "vm").argv.map(({ word }) => word);
    expect(format.find((word) => word.startsWith("id=image0"))).toContain(
      id === "over" ? '"driver":"raw"' : "format=raw",
    );
  }
});

describe("a copy", () => {
  test("is written to instead of the image, and the same one at every start", async () => {
    chmodSync(image, 0o444);
    await run('disk = "copy"\n disk_size = "3MiB"');
    await booted(1);
    await running.agent.restartAllocation(newest()?.id ?? "", "vm");
    await booted(2);
    expect(hashOf(image)).toBe(before);
    expect(statSync(filesOf().copy)).toMatchObject({ size: 3 << 20 });
    expect(statSync(filesOf().copy).mode & 0o777).toBe(0o600);
    // What the image becomes is nothing to it.
    rmSync(image);
    await running.agent.restartAllocation(newest()?.id ?? "", "vm");
    await booted(3);
  });

  test("keeps holes", async () => {
    truncateSync(image, 64 << 20);
    await run('disk = "copy"');
    await booted(1);
    expect(statSync(filesOf().copy).size).toBe(64 << 20);
    expect(statSync(filesOf().copy).blocks * 512).toBeLessThan(1 << 20);
  });

  test("of a qcow2 is not made larger", async () => {
    const qcow2 = join(imagesDir(dir.path), "demo.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", image, qcow2]);
    await run('disk = "copy"\n disk_size = "3MiB"', "demo", qcow2);
    expect(await failure()).toContain("a copy of a qcow2 stays as large as it is");
    await run('disk = "copy"', "plain", qcow2);
    await booted(1, "plain");
  });
});

describe("who has an image is told before QEMU fails at it", () => {
  test("of two that are started at the same moment one has it, and the other one is told who", async () => {
    await Promise.all([run("", "one"), run("", "two")]);
    await until("both to be settled", () =>
      ["one", "two"].every((id) => ["running", "ended"].includes(newest(id)?.tasks["vm"]?.machine.kind ?? "")),
    );
    const kinds = new Map(["one", "two"].map((id) => [newest(id)?.tasks["vm"]?.machine.kind, id]));
    expect([...kinds.keys()].sort()).toEqual(["ended", "running"]);
    expect(await failure(kinds.get("ended"))).toContain(
      `demo.img is the disk of task "vm" of job "${kinds.get("running")}"`,
    );
  });

  test("nobody writes to an image that an overlay stands over, and nobody stands over one that is written to", async () => {
    await run(OVERLAY);
    const { identity } = await machineOf(running.agent, "running");
    await run("", "writer");
    expect(await failure("writer")).toMatch(
      new RegExp(
        `demo.img is read by task "vm" of job "demo" \\(allocation \\w{8}, QEMU is process ${identity.pid}\\)`,
      ),
    );
    await stop();
    await run('args = ["-name", "again"]', "writer");
    await machineOf(running.agent, "running", "writer");
    for (const [id, config] of Object.entries({
      over: OVERLAY,
      copied: 'disk = "copy"',
      look: 'args = ["-snapshot"]',
    })) {
      await run(config, id);
      expect(await failure(id)).toContain('demo.img is written to by task "vm" of job "writer"');
      expect(existsSync(filesOf(id).overlay)).toBe(false);
      expect(existsSync(filesOf(id).copy)).toBe(false);
    }
  });
});

describe("an ISO 9660 image", () => {
  const RAW = 'disk = "overlay"';

  test("boots as a CD-ROM that is only read, for many at once, also where nobody may write to it", async () => {
    const iso = join(imagesDir(dir.path), "rescue.iso");
    copyFileSync(grubRescueIso(), iso);
    chmodSync(iso, 0o444);
    const hash = hashOf(iso);
    const serial = async (id: string): Promise<string> => withoutEscapes(await consoleOf(running.agent, id));
    for (const id of ["demo", "second"]) await run("", id, iso);
    for (const id of ["demo", "second"]) {
      await until(`GRUB in ${id}`, async () => (await serial(id)).includes("Welcome to GRUB"), { deadline: 40_000 });
      expect(await serial(id)).toContain("Booting from DVD/CD");
    }
    const argv = running.agent.launchPlan(newest()?.id ?? "", "vm").argv.map(({ word }) => word);
    expect(argv).toContain(
      "id=image0,if=ide,media=cdrom,readonly=on,format=raw,file.driver=file,file.filename=/dev/fdset/1",
    );
    expect(argv).not.toContain("fd=4,set=1");
    // What is made for both is a hard disk when the job says what to write to.
    await run(RAW, "hybrid", iso);
    await until("GRUB from a disk", async () => (await serial("hybrid")).includes("Booting from Hard Disk"), {
      deadline: 40_000,
    });
    expect(hashOf(iso)).toBe(hash);
  });
});

describe.skipIf(process.getuid?.() !== 0)("an overlay on a full file system", () => {
  test("lets its guest stand still, which goes on by itself once there is room where the overlay lies", async () => {
    const full = dir.file("data", "alloc");
    mkdirSync(full, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=711", "none", full]);
    try {
      const disk = join(imagesDir(dir.path), "guest");
      makeWriterDisk(`${disk}.qcow2`);
      execFileSync("qemu-img", ["convert", "-O", "raw", `${disk}.qcow2`, `${disk}.img`]);
      await run(`${OVERLAY}\n args = ["-S"]`, "full", `${disk}.img`);
      await until("QEMU", async () => (await machineOf(running.agent, "running", "full")).guest === "prelaunch");
      const { bavail, bsize } = statfsSync(full);
      writeFileSync(join(full, "ballast"), new Uint8Array(bavail * bsize));
      await running.agent.powerMachine(newest("full")?.id ?? "", "vm", "resume");
      const guest = () => machineOf(running.agent, "running", "full");
      await until("the guest to stand still", async () => (await guest()).standstill?.status === "nospace");
      await running.lookForRoom();
      expect(running.logLines.join("\n")).not.toContain("there is room again");
      expect((await guest()).guest).toBe("io-error");
      rmSync(join(full, "ballast"));
      await until("the guest to go on", async () => (await guest()).guest === "running", { deadline: 20_000 });
    } finally {
      await running.agent.deregisterJob("full", { purge: false, force: "SIGKILL" });
      await machineOf(running.agent, "ended", "full");
      execFileSync("umount", ["-l", full]);
    }
  });
});
