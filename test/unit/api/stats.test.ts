import { expect, test } from "bun:test";
import type { Measured } from "../../../src/agent/agent.ts";
import { RUNGS } from "../../../src/allocation/ladder.ts";
import { MACHINE_STATES } from "../../../src/allocation/machine.ts";
import { REASONS } from "../../../src/contract/machine.ts";
import { MetricsSchema } from "../../../src/contract/metrics.ts";
import { AllocationUsageSchema, HostUsageSchema } from "../../../src/contract/usage.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { parseExposition } from "../../helpers/exposition.ts";
import { allocation, jobRecord, MACHINE_DETAIL, MACHINE_USAGE, NODE, RECORD_TIME } from "../../helpers/records.ts";

const placed = allocation();
const PATH = `/v1/client/allocation/${placed.id}/stats`;

function measuring(change: Partial<Measured> = {}) {
  const api = testApi();
  api.agent.put({ job: jobRecord(), allocation: placed });
  const machine = { allocation: placed, task: "vm", usage: MACHINE_USAGE, detail: MACHINE_DETAIL };
  api.agent.measured = { ...api.agent.measured, machines: [machine], ...change };
  return api;
}

test("statistics of an allocation are Nomad's, with what Nomad has no word for beside them", async () => {
  const usage = await measuring().read(AllocationUsageSchema, PATH);
  expect(usage.ResourceUsage).toMatchObject({
    CpuStats: { Percent: 50, UserMode: 40, SystemMode: 10, TotalTicks: 1200, Measured: expect.any(Array) },
    MemoryStats: { RSS: 64 << 20, MaxUsage: 96 << 20 },
  });
  expect(usage.Tasks["vm"]?.Paddock).toEqual({
    CpuSeconds: 12.34,
    Drives: [expect.objectContaining({ Name: "image0", ReadBytes: 2048 })],
    Balloon: null,
  });
  expect(usage.Timestamp).toBe(RECORD_TIME * 1e6);
  expect(Object.keys(usage.Tasks["vm"]?.Pids ?? {})).toEqual(["4711"]);
});

test("what is dear to find out is told only when it is asked for", async () => {
  const { Tasks } = await measuring().read(AllocationUsageSchema, `${PATH}?detail=true`);
  expect(Tasks["vm"]?.Paddock).toMatchObject({ PSS: 60 << 20, Vcpus: [{ Index: 0, CpuSeconds: 11.5 }] });
});

test("an allocation without a process takes nothing and says that nothing was measured", async () => {
  const usage = await measuring({ machines: [] }).read(AllocationUsageSchema, PATH);
  expect(usage).toMatchObject({ Tasks: {}, ResourceUsage: { CpuStats: { Measured: [] } } });
});

test("statistics can be of one task, which must be there", async () => {
  const api = measuring();
  expect(Object.keys((await api.read(AllocationUsageSchema, `${PATH}?task=vm`)).Tasks)).toEqual(["vm"]);
  expect((await refusalOf(await api.send("GET", `${PATH}?task=none`))).status).toBe(404);
  expect((await refusalOf(await api.send("GET", "/v1/client/allocation/0/stats"))).status).toBe(404);
});

test("a monitor that does not answer leaves the drives unknown, not zero", async () => {
  const usage = { ...MACHINE_USAGE, drives: null };
  const api = measuring({ machines: [{ allocation: placed, task: "vm", usage, detail: null }] });
  expect((await api.read(AllocationUsageSchema, PATH)).Tasks["vm"]?.Paddock.Drives).toBeNull();
  const { samples, one } = parseExposition(await (await api.send("GET", "/v1/metrics?format=prometheus")).text());
  expect(samples.filter(({ name }) => name.startsWith("paddock_machine_disk"))).toEqual([]);
  expect(one("paddock_machine_monitor_up")).toBe(0);
});

test("the host is told as Nomad tells it", async () => {
  const api = measuring();
  const host = await api.read(HostUsageSchema, `/v1/client/stats?node_id=${NODE.id}`);
  expect(host).toMatchObject({
    CPU: [{ CPU: "cpu0", TotalPercent: 100, TotalTicks: 2400 }, { Idle: 100 }],
    DiskStats: [{ Mountpoint: "/var", UsedPercent: 25 }],
    Memory: { Used: 2 << 20 },
    Uptime: 12,
  });
  expect((await refusalOf(await api.send("GET", "/v1/client/stats?node_id=x"))).status).toBe(404);
});

test("metrics in Prometheus' format are of it, with every state, reason and rung from the beginning", async () => {
  const counts = { ends: new Map([["guest-panic" as const, 2]]), stops: new Map(), events: new Map(), restarts: 4 };
  const reply = await measuring({ counts }).send("GET", "/v1/metrics?format=prometheus");
  expect(reply.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const { samples, types, one } = parseExposition(await reply.text());
  const values = (name: string, label: string) =>
    samples.filter((sample) => sample.name === name).map(({ labels }) => labels[label]);
  expect(values("paddock_machine_ends_total", "reason")).toEqual([...REASONS]);
  expect(values("paddock_stops_total", "rung")).toEqual([...RUNGS, "none"]);
  expect(values("paddock_machines", "state")).toEqual([...MACHINE_STATES]);
  expect(one("paddock_machine_ends_total", { reason: "guest-panic" })).toBe(2);
  expect(one("paddock_machine_restarts_total")).toBe(4);
  const labels = { job: "web", task: "vm", task_group: "vms", alloc_id: placed.id, namespace: "default" };
  expect(one("nomad_client_allocs_memory_rss", labels)).toBe(64 << 20);
  expect(one("nomad_client_allocs_memory_allocated", labels)).toBe(256 << 20);
  expect(one("nomad_client_allocs_cpu_allocated", labels)).toBe(500);
  expect(one("paddock_machine_disk_read_bytes_total", { ...labels, drive: "image0" })).toBe(2048);
  expect(one("paddock_build_info", { version: "1.2.3" })).toBe(1);
  expect(one("process_resident_memory_bytes")).toBeGreaterThan(0);
  const ours = [...types].filter(([name]) => !name.startsWith("nomad_"));
  for (const [name, type] of ours) expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
  expect(ours.length).toBeLessThan(types.size);
});

test("metrics as JSON have the shape of Nomad's", async () => {
  const api = measuring();
  const metrics = await api.read(MetricsSchema, "/v1/metrics");
  expect(metrics.Timestamp).toBe("2026-01-01 00:00:00 +0000 UTC");
  const rss = metrics.Gauges.find(({ Name }) => Name === "nomad.client.allocs.memory.rss");
  expect(rss).toMatchObject({ Value: 64 << 20, Labels: { job: "web", task: "vm" } });
  expect(metrics.Counters.find(({ Name }) => Name === "paddock.machine_ends_total")?.Labels).toHaveProperty("reason");
  expect((await refusalOf(await api.send("GET", "/v1/metrics?format=xml"))).status).toBe(400);
});

test("a job whose names are hostile stays inside its labels, and a purged one is still told of", async () => {
  const jobId = 'x"} 1\nevil{a="\\';
  const odd = allocation({ jobId });
  const machine = { allocation: odd, task: "vm", usage: MACHINE_USAGE, detail: null };
  const reply = await measuring({ machines: [machine] }).send("GET", "/v1/metrics?format=prometheus");
  const { samples, one } = parseExposition(await reply.text());
  expect(one("nomad_client_allocs_memory_rss", { job: jobId })).toBe(64 << 20);
  expect(samples.filter(({ name }) => name.endsWith("_allocated"))).toEqual([]);
});
