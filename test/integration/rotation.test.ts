import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { readLogIndex } from "../../src/paths.ts";
import { countNumbers, makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoJob, idOf, imagesDir, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(100_000);

/** Small, so that the guest needs a moment and not a minute for a file. */
const maxLogBytes = 24 << 10;

let image: string;
let reading: AbortController;
/** Of the allocation, also while no agent runs. */
let id: string;

afterEach(() => reading.abort());
const bed = agentPerTest({ maxLogBytes });
beforeEach(() => {
  reading = new AbortController();
  image = `${imagesDir(bed.dir.path)}/counter.img`;
  makeCounterDisk(image);
});

const run = async (more: Parameters<typeof demoJob>[1] = {}, disk = image) => {
  await bed.agent.registerJob(demoJob(disk, more), null, {});
  const { identity } = await machineOf(bed.agent, "running");
  id = idOf(bed.agent);
  return identity.pid;
};
const logs = (maxFiles: number) => `logs {\n max_files = ${maxFiles}\n max_file_size = 1\n }`;
const logPath = (name = "") => bed.dir.file("data", "alloc", id, "alloc", "logs", name);
const indexes = (type: "stdout" | "stderr" = "stdout") =>
  readdirSync(logPath())
    .flatMap((name) => readLogIndex(name, "vm", type) ?? [])
    .sort((a, b) => a - b);
const sizeOf = (index: number) => statSync(logPath(`vm.stdout.${index}`)).size;
const newest = () => indexes().at(-1) ?? 0;
/** Everything on disk. */
const wholeLog = () =>
  indexes()
    .map((index) => readFileSync(logPath(`vm.stdout.${index}`), "latin1"))
    .join("");
const serialSocket = () => {
  const [name = ""] = readdirSync(bed.dir.file("run"));
  return bed.dir.file("run", name, "serial.sock");
};

/** Lets the guest write until its log has been rotated so often. */
async function rotate(times: number): Promise<void> {
  const wanted = newest() + times;
  await patiently(`file ${wanted} of the log`, async () => {
    await bed.running.lookAtLogs();
    return newest() >= wanted && sizeOf(newest()) > 0;
  });
}

async function readAll(follow: boolean, signal: AbortSignal): Promise<{ text: string; files: string[] }> {
  const options = { type: "stdout", follow, origin: "start", offset: 0, signal } as const;
  const seen = new Set<string>();
  let text = "";
  for await (const { data, file } of bed.agent.readLog(id, "vm", options)) {
    seen.add(file);
    text += Buffer.from(data).toString("latin1");
  }
  return { text, files: [...seen] };
}

describe("the serial log of a guest that writes for ever", () => {
  test("is rotated seven times without losing a byte, and a reader that follows gets every byte once", async () => {
    const pid = await run({ task: logs(100) });
    const following = readAll(true, reading.signal);
    await rotate(7);
    process.kill(pid, "SIGKILL");
    await machineOf(bed.agent, "ended");
    const whole = wholeLog();
    expect(countNumbers(whole)).toBeGreaterThan((7 * maxLogBytes) / 9);
    const { text, files } = await following;
    expect(text.length).toBe(whole.length);
    expect(text === whole).toBe(true);
    expect(files).toEqual(indexes().map((index) => `alloc/logs/vm.stdout.${index}`));
    expect((await readAll(false, reading.signal)).text === whole).toBe(true);
  });

  test("never has more files than max_files, and the newest are those that stay", async () => {
    await run({ task: logs(3) });
    for (let times = 0; times < 6; times++) {
      await rotate(1);
      expect(indexes().length).toBeLessThanOrEqual(3);
    }
    const kept = indexes();
    expect(kept).toEqual([newest() - 2, newest() - 1, newest()].slice(-kept.length));
    // One that grew long before it was looked at may have cost the third, for together they may have no more than three may.
    expect(kept.length).toBeGreaterThanOrEqual(2);
    countContinuous(wholeLog());
  });

  test("is written on without an agent; the next one states the growth once, rotates, and no byte is missing", async () => {
    const pid = await run({ task: logs(100) });
    await rotate(2);
    bed.running.close();
    const before = newest();
    await patiently("the log to grow past its size", () => sizeOf(before) > 3 * maxLogBytes);
    await bed.start({ maxLogBytes });
    await patiently("the rotation", () => newest() > before);
    await rotate(2);
    process.kill(pid, "SIGKILL");
    await machineOf(bed.agent, "ended");
    countNumbers(wholeLog());
    const told = bed.agent.allocation(id).tasks["vm"]?.events.filter(({ type }) => type === "Driver");
    expect(told).toHaveLength(1);
    expect(told?.[0]?.message).toMatch(
      /^the serial log had grown to [\d.]+ KiB while no agent ran, its files may have 24 KiB; it was rotated$/,
    );
    expect(bed.running.logLines.filter((line) => line.includes("while no agent ran"))).toHaveLength(1);
  });

  test("that grew beyond all that its files may have together while no agent ran keeps its end", async () => {
    await run({ task: logs(2) });
    bed.running.close();
    await patiently("the log to grow far too long", () => sizeOf(0) > 4 * maxLogBytes);
    await bed.start({ maxLogBytes });
    await patiently("the rotation", () => newest() > 0 && sizeOf(0) === maxLogBytes);
    await patiently("the word of it", () =>
      bed.running.logLines.some((line) => /its first [\d.]+ KiB were removed/.test(line)),
    );
    countContinuous(readFileSync(logPath("vm.stdout.0"), "latin1"));
  });

  test("goes on in its newest file when the machine is started again", async () => {
    const restart = 'attempts = 1\n interval = "1h"\n delay = "50ms"\n mode = "fail"';
    const pid = await run({ task: logs(100), restart });
    await rotate(2);
    process.kill(pid, "SIGKILL");
    const last = newest();
    const text = () => readFileSync(logPath(`vm.stdout.${last}`), "latin1");
    await patiently("the counter to begin anew in the same file", () => text().includes("00000000\n00000001\n"));
    expect(newest()).toBe(last);
    expect(sizeOf(0)).toBeGreaterThanOrEqual(maxLogBytes);
    await rotate(1);
  });

  test("stays as it is when QEMU refuses the change, which is said once and tried again", async () => {
    const pid = await run({ task: logs(100) });
    const obstacle = serialSocket().replace("serial.sock", "serial.1");
    mkdirSync(obstacle);
    await patiently("the log to grow past its size", () => sizeOf(0) > maxLogBytes);
    for (let times = 0; times < 3; times++) await bed.running.lookAtLogs();
    expect(indexes()).toEqual([0]);
    expect(bed.running.logLines.filter((line) => line.includes("cannot be rotated"))).toHaveLength(1);
    const size = sizeOf(0);
    await patiently("the old file to grow on", () => sizeOf(0) > size);
    rmdirSync(obstacle);
    await rotate(2);
    process.kill(pid, "SIGKILL");
    await machineOf(bed.agent, "ended");
    countNumbers(wholeLog());
  });

  test("leaves the serial port's socket where viewers look for it", async () => {
    await run({ task: logs(100) });
    for (let times = 0; times < 3; times++) {
      await rotate(1);
      expect(await firstBytes(serialSocket())).not.toBe("");
    }
    const [machine = ""] = readdirSync(bed.dir.file("run"));
    expect(readdirSync(bed.dir.file("run", machine)).filter((name) => name.startsWith("serial"))).toEqual([
      "serial.sock",
    ]);
  });

  test("is not kept at all where the job has disabled it", async () => {
    await run({ task: "logs {\n disabled = true\n }" });
    expect(bed.agent.launchPlan(id, "vm").argv.map(({ word }) => word)).not.toContainEqual(
      expect.stringContaining("logfile"),
    );
    expect(await firstBytes(serialSocket())).not.toBe("");
    await bed.running.lookAtLogs();
    expect(indexes().map(sizeOf)).toEqual([0]);
  });
});

describe("a log that QEMU has as a descriptor", () => {
  test("is copied and emptied when it is too long, and QEMU goes on behind it", async () => {
    await bed.restart(undefined, { maxLogBytes: 512 });
    const disk = writeDemoDisk(bed.dir.path);
    await run({ task: logs(3), config: 'args = ["-d", "int"]' }, disk);
    await patiently("five rotations", async () => {
      await bed.running.lookAtLogs();
      return (indexes("stderr").at(-1) ?? 0) >= 5;
    });
    expect(indexes("stderr").length).toBe(3);
    const active = logPath(`vm.stderr.${indexes("stderr").at(-1)}`);
    await patiently("QEMU to write into the newest file", () => statSync(active).size > 0);
    expect(readFileSync(active).indexOf(0)).toBe(-1);
    expect(existsSync(`${active}.new`)).toBe(false);
  });

  test("is bounded too where args bring a serial port of their own", async () => {
    const pid = await run({ task: logs(2), config: 'args = ["-serial", "stdio"]' });
    await rotate(4);
    expect(indexes()).toHaveLength(2);
    process.kill(pid, "SIGKILL");
    await machineOf(bed.agent, "ended");
  });
});

/** What remains of the counter's log has no hole: @throws otherwise. */
function countContinuous(text: string): void {
  const numbers = text.split("\n").slice(1, -1);
  const first = Number.parseInt(numbers[0] ?? "", 16);
  const wrong = numbers.findIndex((number, at) => number !== (first + at).toString(16).padStart(8, "0"));
  if (wrong >= 0) throw new Error(`behind ${numbers[wrong - 1]} stands ${numbers[wrong]}`);
  expect(numbers.length).toBeGreaterThan(1000);
}

function firstBytes(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("data", (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.once("error", reject);
  });
}
