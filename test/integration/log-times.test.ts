import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import type { LogChunk } from "../../src/logs/chunk.ts";
import { MOST_TIMES, readTimes } from "../../src/logs/moments.ts";
import { logTimes, taskDirs } from "../../src/paths.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoJob, idOf, imagesDir, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(100_000);

const bed = agentPerTest(false);
let id: string;

async function run(disk: string, maxLogBytes: number): Promise<void> {
  await bed.start({ maxLogBytes });
  const task = "logs {\n max_files = 3\n max_file_size = 1\n }";
  await bed.agent.registerJob(demoJob(disk, { task }), null, {});
  await machineOf(bed.agent, "running");
  id = idOf(bed.agent);
}

const timesFile = () => logTimes(taskDirs(bed.dirs, id, "vm"), "vm", "stdout");

async function read(more: { since?: number; until?: number; timestamps?: boolean } = {}): Promise<LogChunk[]> {
  const { signal } = new AbortController();
  const options = { type: "stdout", follow: false, origin: "start", offset: 0, signal, ...more } as const;
  return await Array.fromAsync(bed.agent.readLog(id, "vm", options));
}
const textOf = (chunks: readonly LogChunk[]) => chunks.map(({ data }) => Buffer.from(data).toString()).join("");

test("what a guest writes is found by the time at which it wrote it, also by the next agent", async () => {
  await run(writeDemoDisk(bed.dir.path), 1 << 20);
  const log = async () => textOf(await read());
  await patiently("the third tick", async () => (await log()).includes("tick 3"));
  await bed.running.lookAtLogs();
  const middle = Date.now();
  const newest = Number(/tick (\d+)(?![\s\S]*tick)/.exec(await log())?.[1]);
  const after = `tick ${newest + 2}\r`;
  for (const tick of [`tick ${newest + 1}`, after]) {
    await patiently(tick, async () => (await log()).includes(tick));
    await bed.running.lookAtLogs();
  }
  for (const agent of ["the same", "the next"]) {
    const later = textOf(await read({ since: middle }));
    expect({ agent, has: later.includes(after), old: later.includes("tick 2") }).toEqual({
      agent,
      has: true,
      old: false,
    });
    const earlier = textOf(await read({ until: middle }));
    expect(earlier).toContain("tick 3");
    expect(earlier).not.toContain(after);
    const timed = await read({ timestamps: true });
    const tick = timed.find(({ data }) => Buffer.from(data).toString().includes(after));
    expect(tick?.time).toBeGreaterThan(middle);
    expect(tick?.time).toBeLessThan(Date.now() + 1);
    expect(tick?.inferred).toBe(false);
    expect(bed.agent.hasLogTimes(id, "vm", "stdout")).toBe(true);
    await bed.restart(undefined, { maxLogBytes: 1 << 20 });
    await machineOf(bed.agent, "running");
  }
});

test("the times of a log that is rotated are those of its files, in order and few", async () => {
  const disk = `${imagesDir(bed.dir.path)}/counter.img`;
  writeDemoDisk(bed.dir.path);
  makeCounterDisk(disk);
  const begin = Date.now();
  await run(disk, 32 << 10);
  const firstFile = async () => Number(/\d+$/.exec((await read())[0]?.file ?? "")?.[0]);
  await patiently("a file to go", async () => {
    await bed.running.lookAtLogs();
    return (await firstFile()) > 0;
  });
  const chunks = await read({ timestamps: true });
  const times = readTimes(timesFile()) ?? [];
  const first = Number(/\d+$/.exec(chunks[0]?.file ?? "")?.[0]);
  expect(times[0]).toMatchObject({ index: first, offset: 0 });
  expect(times.map(({ at }) => at)).toEqual(times.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(times[0]?.at).toBeGreaterThan(begin - 1_000);
  const said = chunks.map(({ time = 0 }) => time);
  expect(said).toEqual(said.toSorted((a, b) => a - b));
  expect(new Set(said).size).toBeGreaterThan(2);
});

test("a log whose times somebody removed or forged is read whole, and its files say when", async () => {
  await run(writeDemoDisk(bed.dir.path), 1 << 20);
  await patiently("the guest", async () => textOf(await read()).includes("tick 1"));
  await bed.running.lookAtLogs();
  const before = textOf(await read({ timestamps: true }));
  rmSync(timesFile());
  expect(bed.agent.hasLogTimes(id, "vm", "stdout")).toBe(false);
  const inferred = await read({ timestamps: true });
  expect(inferred.every((chunk) => chunk.inferred === true)).toBe(true);
  expect(textOf(inferred)).toStartWith(before);
  for (const forged of [Buffer.alloc(16 * 100, 0xff), Buffer.alloc(16 * MOST_TIMES * 8), Buffer.alloc(7)]) {
    writeFileSync(timesFile(), forged);
    expect(textOf(await read({ timestamps: true }))).toStartWith(before);
    expect(before).toStartWith(textOf(await read({ until: 1 })).slice(0, before.length));
  }
});
