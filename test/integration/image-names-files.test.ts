import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { demoImage } from "../../src/guest/demo-image.ts";
import { diskFiles, taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { tarOf } from "../helpers/archives.ts";
import { demoJob, idOf, imagesDir, machineOf } from "../helpers/in-process-agent.ts";
import { startOrigin } from "../helpers/origin.ts";
import { runProgram } from "../helpers/run.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
const image = (name = "evil.img"): string => join(imagesDir(bed.dir.path), name);
/** The host's file that no guest may see. */
const secret = (): string => bed.dir.file("secret");
const SECRET = "root:$y$the host's own secret";

async function qemuImg(...args: string[]): Promise<void> {
  expect(await runProgram(["qemu-img", ...args], { cwd: bed.dir.path })).toMatchObject({ code: 0 });
}

const onto = (backing: string, ...more: string[]): Promise<void> =>
  qemuImg("create", "-q", "-f", "qcow2", "-u", "-b", backing, ...more, image(), "1M");
const raw = ["-F", "raw"];
const BACKED = "a qcow2 image with a backing file";

/** Writes over bytes of the image. */
function patch(at: number, bytes: Uint8Array): void {
  const whole = readFileSync(image());
  whole.set(bytes, at);
  writeFileSync(image(), whole);
}

interface Way {
  readonly make: () => Promise<void> | void;
  readonly found: string;
  /** QEMU itself needs a server that is not there, or refuses it too. */
  readonly unproved?: true;
}

/** Every way that an image of a format of QEMU's has to name another file. */
const WAYS: Readonly<Record<string, Way>> = {
  "a backing file by its path": { make: () => onto(secret(), ...raw), found: `${BACKED} (` },
  "one beside it": { make: () => onto("../secret", ...raw), found: `${BACKED} ("../secret")` },
  "one behind file:": { make: () => onto(`file:${secret()}`, ...raw), found: `${BACKED} ("file:` },
  "one in json:": {
    make: () => onto(`json:{"driver":"raw","file":{"driver":"file","filename":"${secret()}"}}`, ...raw),
    found: `${BACKED} ("json:`,
  },
  "one in flat json:": {
    make: () => onto(`json:{"driver":"raw","file.driver":"file","file.filename":"${secret()}"}`, ...raw),
    found: `${BACKED} ("json:`,
  },
  "one whose format is to be guessed": {
    make: async () => {
      await onto(secret(), ...raw);
      // The name of the extension becomes one that nobody knows.
      const at = readFileSync(image()).indexOf(Buffer.from("e2792aca", "hex"));
      patch(at, Buffer.from("0badcafe", "hex"));
    },
    found: `${BACKED} (`,
  },
  "one in version 2": { make: () => onto(secret(), "-o", "compat=0.10", ...raw), found: `${BACKED} (` },
  "one behind another image": {
    make: async () => {
      await onto(secret(), ...raw);
      renameSync(image(), image("middle.qcow2"));
      await onto(image("middle.qcow2"), "-F", "qcow2");
    },
    found: `${BACKED} (`,
  },
  "a directory as fat:": { make: () => onto(`fat:rw:${bed.dir.path}`, ...raw), found: BACKED, unproved: true },
  "a server of nbd:": { make: () => onto("nbd:127.0.0.1:1", ...raw), found: BACKED, unproved: true },
  "one of nbd+unix:": { make: () => onto("nbd+unix:///?socket=/run/x", ...raw), found: BACKED, unproved: true },
  "one of https:": { make: () => onto("https://127.0.0.1:1/x", ...raw), found: BACKED, unproved: true },
  "one of ssh:": { make: () => onto("ssh://root@127.0.0.1/etc/shadow", ...raw), found: BACKED, unproved: true },
  "an external data file that is the disk itself": {
    make: async () => {
      // The name is as long as that of the file that qemu-img wants to make.
      const own = bed.dir.file("secre0");
      await qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${own},data_file_raw=on`, image(), "1M");
      patch(readFileSync(image()).indexOf(Buffer.from(own)), Buffer.from(secret()));
    },
    found: "a qcow2 image with an external data file",
  },
  "the name of a data file without its feature": {
    make: async () => {
      const own = bed.dir.file("extern");
      await qemuImg("create", "-q", "-f", "qcow2", "-o", `data_file=${own}`, image(), "1M");
      patch(72, Buffer.alloc(8));
    },
    found: "a qcow2 image that names an external data file",
    unproved: true,
  },
  "qcow of version 1": {
    make: () => qemuImg("create", "-q", "-f", "qcow", "-u", "-b", secret(), ...raw, image(), "1M"),
    found: "a qcow (version 1) image",
  },
  QED: {
    make: () => qemuImg("create", "-q", "-f", "qed", "-u", "-b", secret(), ...raw, image(), "1M"),
    found: "a QED image",
  },
  "a descriptor of VMDK": {
    make: () => writeFileSync(image(), vmdk(`RW 2048 FLAT "${secret()}" 0`)),
    found: "a VMDK descriptor",
  },
  "a descriptor of VMDK that begins with a comment": {
    make: () =>
      writeFileSync(image(), vmdk(`RW 2048 FLAT "${secret()}" 0`).replace("# Disk DescriptorFile", "# nothing to see")),
    found: "a VMDK descriptor",
  },
  "a parent of VMDK": {
    make: async () => {
      await qemuImg("create", "-q", "-f", "vmdk", image("base.vmdk"), "1M");
      await qemuImg("create", "-q", "-f", "vmdk", "-b", image("base.vmdk"), "-F", "vmdk", image());
    },
    found: "a VMDK image",
    unproved: true,
  },
};

const vmdk = (extent: string): string =>
  `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n${extent}\n`;

/** What a guest would see of the image if QEMU were let. */
async function seen(): Promise<string> {
  const argv = ["qemu-img", "dd", `if=${image()}`, `of=${bed.dir.file("seen")}`, "bs=512", "count=1", "-O", "raw"];
  const { code, stderr } = await runProgram(argv as [string, ...string[]], { cwd: bed.dir.path });
  return code === 0 ? readFileSync(bed.dir.file("seen"), "latin1") : stderr;
}

/** Expects that the job's machine does not start, and that nothing of a disk is left. */
async function expectRefused(id: string, found: string): Promise<void> {
  const machine = await machineOf(bed.agent, "ended", id);
  expect(machine.ending.message).toContain(`expected a raw or qcow2 image, found ${found}`);
  const [allocation] = bed.agent.allocations({ jobId: id });
  expect(allocation?.tasks["vm"]?.startedAt ?? 0).toBe(0);
  const { overlay, copy, record } = diskFiles(taskDirs(bed.dirs, idOf(bed.agent, id), "vm"));
  for (const path of [overlay, copy, record]) expect(await Bun.file(path).exists()).toBe(false);
}

async function makeEvil({ make, unproved }: Way): Promise<void> {
  mkdirSync(imagesDir(bed.dir.path), { recursive: true });
  writeFileSync(secret(), SECRET);
  truncateSync(secret(), 1 << 20);
  await make();
  // The way is one: QEMU shows the file to whoever lets it guess.
  if (unproved !== true) expect(await seen()).toStartWith(SECRET);
}

async function refuseFetched(found: string, names: Readonly<Record<string, string>>): Promise<void> {
  const body = readFileSync(image());
  await using origin = await startOrigin({
    "/evil.img": { kind: "bytes", body },
    "/evil.img.gz": { kind: "bytes", body: gzipSync(body) },
    "/evil.tar": { kind: "bytes", body: tarOf({ name: "evil.img", body }) },
  });
  for (const [id, name] of Object.entries(names)) {
    const task = `artifact {\n source = "${origin.url(`/${name}`)}"\n }`;
    await bed.agent.registerJob(demoJob("local/evil.img", { id, task }), null, {});
    await expectRefused(id, found);
  }
}

async function refuseInPlace(found: string, jobs: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, config] of Object.entries(jobs)) {
    await bed.agent.registerJob(demoJob(image(), { id, config }), null, {});
    await expectRefused(id, found);
  }
}

describe("an image that names a file of the host is refused in place and fetched:", () => {
  test.each(Object.entries(WAYS))("%s", async (_, way) => {
    await makeEvil(way);
    await refuseInPlace(way.found, { direct: "" });
    await refuseFetched(way.found, { plain: "evil.img" });
    expect(readFileSync(secret()).subarray(0, SECRET.length).toString()).toBe(SECRET);
  });
});

test("so it is below an overlay, copied, and out of what was compressed or in an archive", async () => {
  const way = WAYS["one in json:"];
  if (way === undefined) throw new Error("the way is gone");
  await makeEvil(way);
  await refuseInPlace(way.found, { overlay: 'disk = "overlay"', copy: 'disk = "copy"' });
  await refuseFetched(way.found, { packed: "evil.img.gz", archived: "evil.tar" });
});

test("a raw disk that holds the image of a disk with a backing file further in is raw, whatever stands there", async () => {
  writeFileSync(secret(), SECRET);
  await onto(secret(), ...raw);
  writeFileSync(image("raw.img"), Buffer.concat([demoImage(), readFileSync(image())]));
  await bed.agent.registerJob(demoJob(image("raw.img"), {}), null, {});
  await machineOf(bed.agent, "running");
  expect(
    bed.agent
      .launchPlan(idOf(bed.agent), "vm")
      .argv.map(({ word }) => word)
      .join(" "),
  ).toContain("format=raw");
});
