import { expect, test } from "bun:test";
import * as v from "valibot";
import { MACHINE_STATES, type MachineState } from "../../../src/allocation/machine.ts";
import {
  AllocationSchema,
  AllocationStubSchema,
  writeAllocation,
  writeAllocationStub,
} from "../../../src/contract/allocation.ts";
import { writeJob } from "../../../src/contract/job-record.ts";
import { TaskStateSchema, writeTaskState } from "../../../src/contract/task-state.ts";
import { encodeJob } from "../../../src/job/wire.ts";
import {
  allocation,
  CRASHED,
  ended,
  GRACEFUL,
  jobOf,
  jobRecord,
  jobText,
  LOST,
  NODE,
  RECORD_TIME,
  RUNNING,
  STOPPING,
  taskRecord,
} from "../../helpers/records.ts";

const STATES: Readonly<Record<MachineState["kind"], MachineState>> = {
  pending: { kind: "pending" },
  preparing: { kind: "preparing", generation: 1, cancelled: null },
  starting: { kind: "starting", generation: 1, since: RECORD_TIME, stop: null },
  running: RUNNING,
  stopping: STOPPING,
  backoff: { kind: "backoff", generation: 1, ending: CRASHED, until: RECORD_TIME + 15_000 },
  ended: ended(CRASHED),
};

const NOMAD_STATES = {
  pending: "pending",
  preparing: "pending",
  starting: "pending",
  running: "running",
  stopping: "running",
  backoff: "pending",
  ended: "dead",
} as const;

const record = jobRecord();
const placed = (change: Parameters<typeof allocation>[0] = {}) => ({
  allocation: allocation(change),
  job: record.job,
  node: NODE,
});

for (const kind of MACHINE_STATES) {
  test(`a machine that is ${kind} is Nomad's task state ${NOMAD_STATES[kind]}, and its own word goes along`, () => {
    const state = writeTaskState(taskRecord(STATES[kind]));
    expect(v.parse(TaskStateSchema, state)).toEqual(state);
    expect(state.State).toBe(NOMAD_STATES[kind]);
    expect(state.Paddock.Machine).toBe(kind);
    expect(state.Failed).toBe(kind === "ended");
    expect(state.Paddock.Pid).toBe(kind === "running" || kind === "stopping" ? 4711 : null);
  });
}

test("what a machine runs as is told while it runs; null is the agent's own user", () => {
  const user = { uid: 80_001, gid: 36 };
  const userIn = (kind: (typeof MACHINE_STATES)[number], change = {}) =>
    writeTaskState(taskRecord(STATES[kind], change)).Paddock.User;
  expect(userIn("running", { user })).toEqual({ Uid: 80_001, Gid: 36 });
  expect(userIn("ended", { user })).toBeNull();
  expect(userIn("running", { user: null })).toBeNull();
  expect(userIn("running")).toBeNull();
});

test("a task's times are RFC 3339, null before they have come, and its events in nanoseconds", () => {
  const event = { type: "Started", time: RECORD_TIME, message: "Task started", details: { pid: "4711" } } as const;
  const state = writeTaskState(
    taskRecord(RUNNING, { startedAt: RECORD_TIME, events: [{ ...event, failsTask: false }], restarts: 2 }),
  );
  expect(state.StartedAt).toBe("2026-01-01T00:00:00.000Z");
  expect(state.FinishedAt).toBeNull();
  expect(state.Restarts).toBe(2);
  expect(state.Events).toEqual([
    {
      Type: "Started",
      Time: RECORD_TIME * 1e6,
      Message: "Task started",
      DisplayMessage: "Task started",
      Details: { pid: "4711" },
      FailsTask: false,
    },
  ]);
});

test("what a task fetches and how its machine ended is told beside Nomad's fields", () => {
  const progress = { source: "https://example.com/linux.img", bytes: 1024, total: null, rate: 512.5 };
  const fetching = writeTaskState(taskRecord(STATES.preparing, { progress }));
  expect(fetching.Paddock.Progress).toEqual({
    Source: "https://example.com/linux.img",
    Bytes: 1024,
    Total: null,
    Rate: 512.5,
  });
  const over = writeTaskState(taskRecord(ended(GRACEFUL)));
  expect(over.Paddock.Reason).toBe("guest-shutdown");
  expect(over.Paddock.Ending?.Stop?.Took).toBe(1_250_000_000);
  expect(over.Failed).toBe(false);
});

test("of several tasks each has its own resources, and the ports that may lead into it", () => {
  const text = jobText("web", 'network {\n port "sql" {}\n port "free" {}\n }').replace(" { to = 80 }", " {}");
  const [job] = [jobOf(text)];
  const [group] = job.groups;
  const [vm] = group?.tasks ?? [];
  if (group === undefined || vm === undefined) throw new Error("no task");
  const resources = (change: object) => ({ ...vm.resources, ...change });
  const tasks = [
    { ...vm, config: { ...vm.config, port_map: { http: 80 } } },
    {
      ...vm,
      name: "db",
      resources: resources({ cpu: 0, cores: 2, memory: 512 }),
      config: { ...vm.config, port_map: { sql: 1 } },
    },
    { ...vm, name: "job", resources: resources({ cpu: 0, cores: 1, memory: 128 }) },
  ];
  const port = { to: 0, hostAddress: "", static: false };
  const one = allocation({
    tasks: Object.fromEntries(tasks.map(({ name }) => [name, taskRecord(RUNNING)])),
    ports: ["http", "sql", "free"].map((label, at) => ({ ...port, label, hostPort: 25_000 + at })),
    resources: { cpu: 500 + 3 * 2_000, cores: 3, memory: 896, disk: 300 },
  });
  const wire = writeAllocation({ allocation: one, job: { ...job, groups: [{ ...group, tasks }] }, node: NODE }, null);
  expect(
    Object.entries(wire.AllocatedResources.Tasks).map(([name, { Cpu, Memory }]) => [
      name,
      Cpu.CpuShares,
      Memory.MemoryMB,
    ]),
  ).toEqual([
    ["vm", 500, 256],
    ["db", 4_000, 512],
    ["job", 2_000, 128],
  ]);
  expect(Object.entries(wire.TaskStates).map(([name, { Paddock }]) => [name, Paddock.Ports])).toEqual([
    ["vm", ["http", "free"]],
    ["db", ["sql", "free"]],
    ["job", ["free"]],
  ]);
});

test("an allocation has its ports, its resources and its job", () => {
  const job = writeJob(record, [], encodeJob(record.job));
  const written = writeAllocation(placed(), job);
  expect(v.parse(AllocationSchema, written)).toEqual(written);
  expect(written.AllocatedResources.Shared.Ports).toEqual([
    { Label: "http", Value: 25_001, To: 80, HostIP: "0.0.0.0" },
  ]);
  expect(written.AllocatedResources.Shared.Networks[0]?.DynamicPorts).toHaveLength(1);
  expect(written.AllocatedResources.Shared.DiskMB).toBe(300);
  expect(written.AllocatedResources.Tasks["vm"]).toMatchObject({ Cpu: { CpuShares: 500 }, Memory: { MemoryMB: 256 } });
  expect(written.Job?.ID).toBe("web");
  expect(written.CreateTime).toBe(RECORD_TIME * 1e6);
  expect(written.NodeName).toBe("host-1");
});

test("a static port is a reserved one, on the address that it is bound to", () => {
  const port = { label: "ssh", hostPort: 2222, to: 22, hostAddress: "192.0.2.7", static: true };
  const { Shared } = writeAllocation(placed({ ports: [port] }), null).AllocatedResources;
  expect(Shared.Networks[0]).toEqual({
    Mode: "host",
    Device: "",
    IP: "192.0.2.7",
    ReservedPorts: [{ Label: "ssh", Value: 2222, To: 22, HostIP: "192.0.2.7" }],
    DynamicPorts: [],
  });
});

test("an allocation without ports has no network, whose table the nomad CLI would print", () => {
  expect(writeAllocation(placed({ ports: [] }), null).AllocatedResources.Shared.Networks).toEqual([]);
});

test("a stub leaves its resources out unless they are asked for", () => {
  const short = writeAllocationStub(placed(), false);
  expect(v.parse(AllocationStubSchema, short)).toEqual(short);
  expect("AllocatedResources" in short).toBe(false);
  expect({ version: short.JobVersion, type: short.JobType }).toEqual({ version: 0, type: "service" });
  const long = writeAllocationStub(placed(), true);
  expect(v.parse(AllocationStubSchema, long)).toEqual(long);
  expect(long.AllocatedResources?.Shared.Ports).toHaveLength(1);
});

test("an allocation whose job was purged can still be shown", () => {
  const orphan = { ...placed(), job: null };
  const written = writeAllocation(orphan, null);
  expect(v.parse(AllocationSchema, written)).toEqual(written);
  expect(written).toMatchObject({ Job: null, Namespace: "default", JobID: "web" });
  expect(v.is(AllocationStubSchema, writeAllocationStub(orphan, true))).toBe(true);
});

for (const [machine, status, description] of [
  [STATES.pending, "pending", "No tasks have started"],
  [RUNNING, "running", "Tasks are running"],
  [ended(GRACEFUL), "complete", "All tasks have completed"],
  [ended(CRASHED), "failed", "Failed tasks"],
  [ended(LOST), "lost", "The end of a task left no evidence"],
] as const) {
  test(`an allocation whose machine is ${machine.kind} may have the client status ${status}`, () => {
    const written = writeAllocationStub(placed({ tasks: { vm: taskRecord(machine) } }), false);
    expect(written).toMatchObject({ ClientStatus: status, ClientDescription: description });
  });
}
