import { expect, test } from "bun:test";
import type { QmpClient } from "../../../src/qmp/client.ts";
import { QmpError, type QmpFailure } from "../../../src/qmp/errors.ts";
import { readProcessOf } from "../../../src/stats/process.ts";
import { type SampledMachine, Sampler } from "../../../src/stats/sampler.ts";

const START = readProcessOf("self")?.time.startTime ?? 0;

/** This process as a machine whose monitor answers what it is told. */
function machineOf(key: string, answer: (command: string) => unknown) {
  const asked: string[] = [];
  const execute = async (command: string): Promise<unknown> => {
    asked.push(command);
    return answer(command);
  };
  const client: QmpClient = { closed: false, execute, close: () => undefined };
  const machine: SampledMachine = { key, pid: process.pid, startTime: START, ask: (work) => work(client) };
  return { machine, asked };
}

/** A sampler whose time goes on only when it waits, or is told to. */
function samplerOf(machines: readonly SampledMachine[] = []) {
  const time = { now: 1_000, pauses: [] as number[] };
  const sampler = new Sampler({
    machines: () => machines,
    dataDir: "/",
    now: () => 5_000 + time.now,
    elapsed: () => time.now,
    pause: async (millis) => {
      time.pauses.push(millis);
      time.now += millis;
    },
  });
  return { sampler, time };
}

const fail = (failure: QmpFailure): never => {
  throw new QmpError(failure, "no");
};
const DRIVES = [{ device: "image0", "node-name": "#b", stats: { rd_bytes: 5 } }];
const answers = (command: string): unknown => {
  if (command === "query-blockstats") return DRIVES;
  if (command === "query-cpus-fast") {
    return [
      { "cpu-index": 0, "thread-id": process.pid },
      { "cpu-index": 1, "thread-id": 1 },
    ];
  }
  return fail("refused");
};

test("the first asking waits for a second look, those right after it cost nothing, and a later one needs no wait", async () => {
  const { machine, asked } = machineOf("a", answers);
  const { sampler, time } = samplerOf();
  const [first, second] = await Promise.all([sampler.usage(machine), sampler.usage(machine)]);
  expect(first).toBe(second);
  expect(first).toMatchObject({ pid: process.pid, drives: [{ name: "image0", readBytes: 5 }], balloon: null });
  expect(time.pauses).toEqual([500]);
  time.now += 900;
  expect(await sampler.usage(machine)).toBe(first);
  expect(asked).toEqual(["query-blockstats", "query-balloon"]);
  time.now += 200;
  expect(await sampler.usage(machine)).not.toBe(first);
  expect(time.pauses).toEqual([500]);
  // It has no balloon and is not asked again.
  expect(asked).toEqual(["query-blockstats", "query-balloon", "query-blockstats"]);
  time.now += 100_000;
  await sampler.usage(machine);
  expect(time.pauses).toEqual([500, 500]);
});

test("a machine with a balloon tells what its guest has, each time", async () => {
  const { machine, asked } = machineOf("a", (command) => (command === "query-balloon" ? { actual: 77 } : DRIVES));
  const { sampler, time } = samplerOf();
  expect((await sampler.usage(machine))?.balloon).toBe(77);
  time.now += 2_000;
  expect((await sampler.usage(machine))?.balloon).toBe(77);
  expect(asked).toHaveLength(4);
});

test("a monitor that does not answer in time costs its own figures, and is left alone for a while", async () => {
  const { machine, asked } = machineOf("a", () => fail("timed_out"));
  const { sampler, time } = samplerOf();
  expect(await sampler.usage(machine)).toMatchObject({ drives: null, balloon: null });
  time.now += 2_000;
  expect((await sampler.usage(machine))?.memory.rss).toBeGreaterThan(0);
  expect(await sampler.detail(machine)).toMatchObject({ vcpus: null });
  expect(asked).toEqual(["query-blockstats"]);
  time.now += 30_000;
  await sampler.usage(machine);
  expect(asked).toHaveLength(2);
});

test("a monitor that is being connected to is asked again at once", async () => {
  const { machine, asked } = machineOf("a", () => fail("disconnected"));
  const { sampler, time } = samplerOf();
  await sampler.usage(machine);
  time.now += 2_000;
  await sampler.usage(machine);
  expect(asked.filter((command) => command === "query-blockstats")).toHaveLength(2);
});

test("a machine whose process is gone has no usage and is not waited for", async () => {
  const { machine, asked } = machineOf("a", answers);
  const { sampler, time } = samplerOf();
  expect(await sampler.usage({ ...machine, startTime: START + 1 })).toBeNull();
  expect(await sampler.detail({ ...machine, key: "b", startTime: START + 1 })).toEqual({ pss: null, vcpus: null });
  expect(time.pauses).toEqual([]);
  expect(asked).toEqual(["query-cpus-fast"]);
});

test("a closer look has the share of memory, and only the threads that are the machine's own", async () => {
  const { machine, asked } = machineOf("a", answers);
  const { sampler, time } = samplerOf();
  const detail = await sampler.detail(machine);
  expect(detail.pss).toBeGreaterThan(0);
  expect(detail.vcpus?.map(({ index }) => index)).toEqual([0]);
  expect(await sampler.detail(machine)).toBe(detail);
  expect(asked).toEqual(["query-cpus-fast"]);
  time.now += 1_000;
  expect(await sampler.detail(machine)).not.toBe(detail);
});

test("many machines are looked at in turns, and those that are gone are left out", async () => {
  const made = Array.from({ length: 200 }, (_, at) => machineOf(`m${at}`, answers));
  const machines = made.map(({ machine }) => machine);
  const gone = { ...machineOf("gone", answers).machine, startTime: START + 1 };
  const { sampler, time } = samplerOf(machines);
  const found = await sampler.usages([...machines, gone]);
  expect(found.size).toBe(200);
  expect(time.pauses.filter((millis) => millis === 0)).toHaveLength(12);
});

test("the host is looked at twice the first time, and once then", async () => {
  const { sampler, time } = samplerOf();
  const first = await sampler.host();
  expect(first.cpuPercents).toHaveLength(first.cpus.length);
  expect(await sampler.host()).toBe(first);
  time.now += 5_000;
  expect(await sampler.host()).not.toBe(first);
  expect(time.pauses).toEqual([500]);
});
