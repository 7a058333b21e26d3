import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { tarOf } from "../helpers/archives.ts";
import { imagesDir, machineOf } from "../helpers/in-process-agent.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { runProgram } from "../helpers/run.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
let origin: Origin;
const images = (name: string): string => `${imagesDir(bed.dir.path)}/${name}`;

async function qemuImg(...args: string[]): Promise<void> {
  expect(await runProgram(["qemu-img", ...args], { cwd: bed.dir.path })).toMatchObject({ code: 0 });
}

beforeEach(async () => {
  origin = await startOrigin({});
  writeFileSync(bed.dir.file("secret"), "the host's own");
  truncateSync(bed.dir.file("secret"), 1 << 20);
  await qemuImg("create", "-q", "-f", "qcow2", "-u", "-b", bed.dir.file("secret"), "-F", "raw", images("evil"), "1M");
  await qemuImg("create", "-q", "-f", "qcow2", images("plain"), "1M");
  writeFileSync(
    images("evil.vmdk"),
    `# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 2048 FLAT "${bed.dir.file("secret")}" 0\n`,
  );
});

afterEach(() => origin[Symbol.asyncDispose]());

/** Runs a job that fetches these disks into `local/` and names what it likes in `args`. */
async function run(args: readonly string[]): Promise<void> {
  const entries = ["evil", "plain", "evil.vmdk"].map((name) => ({ name, body: readFileSync(images(name)) }));
  origin.set("/disks.tar", { kind: "bytes", body: tarOf(...entries) });
  const task = `artifact {\n source = "${origin.url("/disks.tar")}"\n }`;
  await bed.submit({ task, config: `args = ${JSON.stringify(args)}` });
}

describe("a fetched disk that names a file of the host is refused, where args name it", () => {
  test.each([
    [["-hdb", "local/evil"]],
    [["-cdrom", "local/evil"]],
    [["-snapshot", "-hdb", "local/evil"]],
    [["local/evil"]],
    [["-drive", "file=local/evil,if=virtio"]],
    [["-drive", "file=local/evil,if=virtio,format=qcow2"]],
    [["-drive", "file.filename=local/evil,if=virtio"]],
    [["-drive", 'file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"local/evil"}},if=virtio']],
    [["-blockdev", "driver=qcow2,node-name=d,file.driver=file,file.filename=local/evil"]],
    [["-blockdev", "driver=file,node-name=f,filename=local/evil", "-blockdev", "driver=qcow2,node-name=d,file=f"]],
    [["-blockdev", '{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"local/evil"}}']],
    [["-hdb", "local/evil.vmdk"]],
  ])("%p", async (args) => {
    await run(args);
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.message).toMatch(
      /^config\.args\[[01]\]: "local\/evil(\.vmdk)?": expected a disk that names no other file, found a (qcow2 image with|VMDK)/,
    );
    expect(ending.hint).toContain("format=raw");
    expect(bed.agent.allocations({})[0]?.tasks["vm"]?.startedAt ?? 0).toBe(0);
  });
});

test("a fetched disk that names a file of the host is refused below a data directory that is named by way of a link, too", async () => {
  const root = bed.dir.file("link");
  symlinkSync(bed.dir.path, root);
  bed.running.close();
  await bed.start({}, root);
  await run(["-hdb", "local/evil"]);
  expect((await machineOf(bed.agent, "ended")).ending.message).toContain("expected a disk that names no other file");
});

describe("what args name starts as with plain QEMU when it is", () => {
  test.each([
    ["a qcow2 that names nothing", ["-hdb", "local/plain"]],
    ["said to be raw, whatever stands in it", ["-drive", "file=local/evil,format=raw,if=virtio"]],
    [
      "said to be raw in JSON",
      ["-blockdev", '{"driver":"raw","node-name":"d","file":{"driver":"file","filename":"local/evil"}}'],
    ],
  ])("%s", async (_, args) => {
    await run(args);
    await machineOf(bed.agent, "running");
  });

  test("the operator's own, with its backing file", async () => {
    // The machine's user has to get to both.
    chmodSync(bed.dir.path, 0o755);
    for (const path of [images("evil"), bed.dir.file("secret")]) chmodSync(path, 0o666);
    await run(["-hdb", images("evil")]);
    await machineOf(bed.agent, "running");
  });
});
