import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readDiskRecord } from "../../src/image/disk-record.ts";
import { type DiskFiles, databaseFile, diskFiles, taskDirs } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { clearAway } from "../helpers/clear-away.ts";
import {
  consoleOf,
  demoJob,
  type InProcessAgent,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { patiently, until } from "../helpers/until.ts";

/*
 * An image that is used where it lies. That it is this one, and of which format, is durable with the record that says that its machine
 * is about to start; the file about it is not synced, and a power cut takes it or leaves it empty.
 */

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;
let image: string;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
  image = writeDemoDisk(dir.path);
  const restart = 'attempts = 9\n interval = "1h"\n delay = "0s"\n mode = "fail"';
  await running.agent.registerJob(demoJob(image, { restart }), null, {});
  await booted(1);
});

afterEach(() => clearAway(dir, running));

const id = (): string => running.agent.allocations({}).at(-1)?.id ?? "";
const dirs = () => ({ dataDir: dir.file("data"), runDir: dir.file("run") });
const files = (): DiskFiles => diskFiles(taskDirs(dirs(), id(), "vm"));

const booted = (count: number): Promise<unknown> =>
  patiently(`boot ${count}`, async () => (await consoleOf(running.agent)).includes(`boot=${count}`));

/** Kills the machine after its disk has got a header that makes it a qcow2 over a file of the host's, for whoever looks. */
async function endWithForgedDisk(): Promise<number> {
  const evil = dir.file("evil.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", evil, "1M"]);
  const { pid } = (await machineOf(running.agent, "running")).identity;
  process.kill(pid, "SIGSTOP");
  writeFileSync(image, readFileSync(evil).subarray(0, 4096), { flag: "r+" });
  process.kill(pid, "SIGKILL");
  return pid;
}

async function formatAfter(before: number): Promise<string | undefined> {
  await until("another process", async () => (await machineOf(running.agent, "running")).identity.pid !== before);
  const words = running.agent.launchPlan(id(), "vm").argv.map(({ word }) => word);
  return words.find((word) => word.startsWith("id=image0"));
}

const LOSSES: readonly { name: string; lose: (record: string) => void }[] = [
  { name: "gone", lose: (record) => rmSync(record) },
  { name: "empty", lose: (record) => writeFileSync(record, "") },
  { name: "full of zeros", lose: (record) => writeFileSync(record, Buffer.alloc(300)) },
];

for (const { name, lose } of LOSSES) {
  test(`a guest that writes a qcow2 header into it starts again on a raw disk when the file about it is ${name}`, async () => {
    const { record } = files();
    expect(existsSync(record)).toBe(true);
    lose(record);
    expect(await formatAfter(await endWithForgedDisk())).toContain("format=raw");
  });
}

test("what it is stands in the store from before QEMU starts", () => {
  const store = openStore(databaseFile(dirs()));
  try {
    const { record } = files();
    const kept = store.lastLaunch(id(), "vm")?.image?.record;
    expect(kept).toMatchObject({ mode: "direct", kind: "raw", pinned: false });
    expect(readDiskRecord(record, record)).toMatchObject({ ...kept });
  } finally {
    store.close();
  }
});

test("another file that was put in its place stays what that one was taken for", async () => {
  const { pid } = (await machineOf(running.agent, "running")).identity;
  const other = writeDemoDisk(dir.path, "other.img");
  renameSync(other, image);
  process.kill(pid, "SIGKILL");
  expect(await formatAfter(pid)).toContain("format=raw");
  expect(await formatAfter(await endWithForgedDisk())).toContain("format=raw");
});

test("a file about it that is empty and was never followed by a start is no record", async () => {
  const path = dir.file("disk.json");
  for (const content of ["", "\0".repeat(200)]) {
    writeFileSync(path, content);
    expect(readDiskRecord(path, path)).toBeUndefined();
  }
  writeFileSync(path, "{");
  expect(() => readDiskRecord(path, path)).toThrow("cannot be read");
});
