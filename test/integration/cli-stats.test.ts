import { expect, test } from "bun:test";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { allocation, jobRecord, MACHINE_DETAIL, MACHINE_USAGE, PLAN } from "../helpers/records.ts";

const placed = allocation();

function measuring(change: Partial<typeof MACHINE_USAGE> | null = {}, detail = MACHINE_DETAIL): CliApi {
  const api = serveCliApi();
  api.agent.put({ job: jobRecord(), allocation: placed, plan: PLAN });
  const machine = { allocation: placed, task: "vm", usage: { ...MACHINE_USAGE, ...change }, detail };
  api.agent.measured = { ...api.agent.measured, machines: change === null ? [] : [machine] };
  return api;
}

test("alloc status -stats tells what a machine takes of what it was given", async () => {
  await using api = measuring();
  const { code, stdout } = await api.run(["alloc", "status", "-stats", placed.id.slice(0, 8)]);
  expect(code).toBe(0);
  const [, told = ""] = stdout.split("\nResource Utilization\n");
  expect(told.trimEnd().split("\n")).toEqual([
    "CPU             = 1200/500 MHz (50.0 % of a processor)",
    "Memory          = 64 MiB/256 MiB (at most 96 MiB)",
    "Memory by share = 60 MiB, what it shares with others counted by its part",
    "CPU time        = 12.3 s",
    "Processor 0     = 11.5 s",
    "Drive image0    = read 2 KiB in 4, written 512 B in 1",
  ]);
  expect((await api.run(["alloc", "status", placed.id])).stdout).not.toContain("Resource Utilization");
});

test("a monitor that does not answer, an errored drive and a balloon are told", async () => {
  await using silent = measuring({ drives: null }, { pss: null, vcpus: null });
  const { stdout } = await silent.run(["alloc", "status", "-stats", placed.id]);
  expect(stdout).toMatch(/^Drives +=? ?= unknown: QEMU's monitor does not answer$/m);
  expect(stdout).not.toContain("by share");
  const [drive] = MACHINE_USAGE.drives ?? [];
  if (drive === undefined) throw new Error("no drive");
  await using sick = measuring({ drives: [{ ...drive, writeErrors: 3 }], balloon: 32 << 20 });
  const told = (await sick.run(["alloc", "status", "-stats", placed.id])).stdout;
  expect(told).toContain("written 512 B in 1, failed: 0 reads, 3 writes");
  expect(told).toMatch(/^Balloon +=? ?= 32 MiB left to the guest$/m);
});

test("an allocation without a machine says so", async () => {
  await using api = measuring(null);
  const { code, stdout } = await api.run(["alloc", "status", "-stats", placed.id]);
  expect(code).toBe(0);
  expect(stdout).toEndWith("\nResource Utilization\nno machine of it runs\n");
});

test("alloc status -json -stats adds the statistics to the allocation", async () => {
  await using api = measuring();
  const { stdout } = await api.run(["alloc", "status", "-json", "-stats", placed.id]);
  expect(JSON.parse(stdout)).toMatchObject({ ID: placed.id, Stats: { Tasks: { vm: { Paddock: { PSS: 60 << 20 } } } } });
  expect(JSON.parse((await api.run(["alloc", "status", "-json", placed.id])).stdout)).not.toHaveProperty("Stats");
});

test("ps -stats has a column for processor and memory, and a dash for what has no process", async () => {
  await using api = measuring();
  const { stdout } = await api.run(["ps", "-stats"]);
  expect(stdout).toMatch(/Up +CPU +Memory +Ports\n.* 50\.0 % +64 MiB +http/);
  await using none = measuring(null);
  expect((await none.run(["ps", "-stats"])).stdout).toMatch(/ - +- +http/);
  expect((await none.run(["ps"])).stdout).not.toContain("CPU");
  const both = await none.run(["ps", "-stats", "-json"]);
  expect(both.code).toBe(1);
  expect(both.stderr).toContain("flags -stats and -json: expected one of them, found both");
});
