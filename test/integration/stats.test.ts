import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type * as v from "valibot";
import { createApi } from "../../src/api/app.ts";
import { silentLog } from "../../src/base/log.ts";
import { MetricsSchema } from "../../src/contract/metrics.ts";
import { AllocationUsageSchema, HostUsageSchema } from "../../src/contract/usage.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { parseReply } from "../helpers/api.ts";
import { heldToContract } from "../helpers/contract.ts";
import { type Exposition, parseExposition } from "../helpers/exposition.ts";
import { demoJob, idOf, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const bed = agentPerTest();

async function ask<S extends v.GenericSchema>(schema: S, path: string): Promise<v.InferOutput<S>> {
  const api = heldToContract(createApi(bed.agent, { log: silentLog, version: "1.2.3", httpAddress: "" }));
  return await parseReply(schema, await api.fetch(new Request(`http://localhost${path}`)));
}

async function usageOf(jobId: string) {
  const reply = await ask(AllocationUsageSchema, `/v1/client/allocation/${idOf(bed.agent, jobId)}/stats?detail=true`);
  const usage = reply.Tasks["vm"];
  if (usage === undefined) throw new Error(`job ${jobId} takes nothing`);
  return { ...usage.ResourceUsage, ...usage.Paddock };
}

async function scrape(): Promise<Exposition> {
  const api = heldToContract(createApi(bed.agent, { log: silentLog, version: "1.2.3", httpAddress: "" }));
  const reply = await api.fetch(new Request("http://localhost/v1/metrics?format=prometheus"));
  return parseExposition(await reply.text());
}

/** A boot sector that goes round in a circle: `jmp $`. */
function writeBusyDisk(): string {
  const path = writeDemoDisk(bed.dir.path, "busy.img");
  const sector = Buffer.alloc(512);
  sector.set([0xfa, 0xeb, 0xfe]);
  sector.set([0x55, 0xaa], 510);
  writeFileSync(path, Buffer.concat([sector, readFileSync(path).subarray(512)]));
  return path;
}

/** Field 2 of `/proc/PID/statm`, in bytes. */
function residentOf(pid: number): number {
  const page = Number(readFileSync("/proc/self/smaps", "utf8").match(/^KernelPageSize:\s+(\d+) kB/m)?.[1]) * 1024;
  return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * page;
}

/** What holds for both machines, whoever started them. */
async function expectFigures(): Promise<void> {
  await until("the busy guest to be booted and at it", async () => {
    const { CpuStats, Drives, Vcpus } = await usageOf("busy");
    expect(CpuStats.Percent).toBeGreaterThan(10);
    expect(Drives?.find(({ Name }) => Name === "image0")?.ReadBytes).toBeGreaterThanOrEqual(512);
    expect(Vcpus?.[0]?.CpuSeconds).toBeGreaterThan(0);
    return true;
  });
  const { pid } = (await machineOf(bed.agent, "running")).identity;
  const idle = await usageOf("demo");
  expect(idle.MemoryStats.RSS / residentOf(pid)).toBeWithin(0.8, 1.2);
  expect(idle.PSS).toBeWithin(1, idle.MemoryStats.RSS + 1);
  expect(idle.Balloon).toBe(128 << 20);
  expect(idle.Drives?.[0]).toMatchObject({ Name: "image0", ReadErrors: 0, WriteErrors: 0 });
  expect((await usageOf("busy")).Balloon).toBeNull();

  const metrics = await scrape();
  const demo = { job: "demo", alloc_id: idOf(bed.agent), task: "vm", task_group: "g" };
  expect(metrics.one("nomad_client_allocs_memory_rss", demo)).toBeGreaterThan(1 << 20);
  expect(metrics.one("nomad_client_allocs_memory_allocated", demo)).toBe(128 << 20);
  expect(metrics.one("paddock_machine_disk_read_bytes_total", { ...demo, drive: "image0" })).toBeGreaterThan(512);
  expect(metrics.one("paddock_machine_balloon_bytes", demo)).toBe(128 << 20);
  expect(metrics.one("paddock_machines", { state: "running" })).toBe(2);
  const { Gauges } = await ask(MetricsSchema, "/v1/metrics");
  expect(Gauges.filter(({ Name }) => Name === "nomad.client.allocs.memory.rss")).toHaveLength(2);
}

test("a busy guest and an idle one are measured, by the agent that started them and by one that adopted them", async () => {
  const balloon = 'args = ["-device", "virtio-balloon-pci"]';
  await bed.submit({ config: balloon });
  await bed.agent.registerJob(demoJob(writeBusyDisk(), { id: "busy" }), null, {});
  await machineOf(bed.agent, "running");
  await machineOf(bed.agent, "running", "busy");
  await expectFigures();
  const host = await ask(HostUsageSchema, "/v1/client/stats");
  expect(Math.max(...host.CPU.map(({ TotalPercent }) => TotalPercent))).toBeGreaterThan(10);

  await bed.restart();
  expect((await machineOf(bed.agent, "running")).adopted).toBe(true);
  await expectFigures();
});

test("a QEMU that stands still costs its own drives' figures alone, and each end is counted by its reason", async () => {
  const restart = 'attempts = 1\n delay = "0s"\n interval = "5m"\n mode = "fail"';
  for (const id of ["demo", "still"]) {
    await bed.agent.registerJob(demoJob(writeDemoDisk(bed.dir.path, `${id}.img`), { id, restart }), null, {});
    await machineOf(bed.agent, "running", id);
  }
  const { pid } = (await machineOf(bed.agent, "running", "still")).identity;
  process.kill(pid, "SIGSTOP");
  expect(await usageOf("still")).toMatchObject({ Drives: null, Vcpus: null, MemoryStats: { RSS: expect.any(Number) } });
  const before = await scrape();
  expect(before.one("paddock_machine_monitor_up", { job: "still" })).toBe(0);
  expect(before.one("paddock_machine_monitor_up", { job: "demo" })).toBe(1);
  expect(before.one("paddock_machine_ends_total", { reason: "killed" })).toBe(0);
  process.kill(pid, "SIGKILL");
  const again = await until("its next start", async () => {
    const { generation, identity } = await machineOf(bed.agent, "running", "still");
    return generation === 2 ? identity.pid : undefined;
  });
  expect((await scrape()).one("paddock_machine_monitor_up", { job: "still" })).toBe(1);
  process.kill(again, "SIGKILL");
  await machineOf(bed.agent, "ended", "still");
  await bed.agent.deregisterJob("demo", { purge: false });
  await machineOf(bed.agent, "ended");
  const after = await scrape();
  expect(after.one("paddock_machine_ends_total", { reason: "killed" })).toBe(2);
  expect(after.one("paddock_machine_restarts_total")).toBe(1);
  expect(after.one("paddock_machine_ends_total", { reason: "guest-shutdown" })).toBe(1);
  expect(after.one("paddock_stops_total", { rung: "powerdown" })).toBe(1);
  expect(after.one("paddock_task_events_total", { type: "Started" })).toBe(3);
  expect(after.samples.filter(({ labels }) => "alloc_id" in labels)).toEqual([]);
  expect(await ask(AllocationUsageSchema, `/v1/client/allocation/${idOf(bed.agent)}/stats`)).toMatchObject({
    Tasks: {},
  });
});
