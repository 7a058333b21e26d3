import type { Allocation, TaskRecord } from "../../src/allocation/allocation.ts";
import type { CheckReport, CheckSpec, CheckState } from "../../src/allocation/check.ts";
import type { Ending } from "../../src/allocation/ending.ts";
import type { Live, MachineState } from "../../src/allocation/machine.ts";
import type { PostMortem } from "../../src/allocation/post-mortem.ts";
import type { Job } from "../../src/job/job.ts";
import { loadJob } from "../../src/job/load.ts";
import type { Node } from "../../src/node/node.ts";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import type { Evaluation, JobRecord } from "../../src/state/records.ts";
import type { HostUsage, MachineDetail, MachineUsage } from "../../src/stats/usage.ts";
import { capacity } from "./capacity.ts";

/** 2026-01-01T00:00:00Z, the time at which records of the tests are made. */
export const RECORD_TIME = Date.UTC(2026, 0, 1);

/** A job file with one machine; `body` is put into its group. */
export function jobText(id = "web", body = ""): string {
  return `job "${id}" {
  meta { owner = "ops" }
  group "vms" {
    network {
      port "http" { to = 80 }
    }
    ${body}
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/linux.img"
      }
      env { TOKEN = "s3cr3t-env" }
      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
`;
}

/** The job of a job file's text. @throws when there is anything wrong with it. */
export function jobOf(text: string): Job {
  const { job, diagnostics } = loadJob("test.nomad.hcl", text);
  if (job === undefined) throw new Error(`not a job: ${diagnostics.map(({ message }) => message).join("; ")}`);
  return job;
}

export function jobRecord(change: Partial<JobRecord> = {}): JobRecord {
  return {
    job: jobOf(jobText()),
    version: 0,
    stop: false,
    submitTime: RECORD_TIME,
    createIndex: 10,
    modifyIndex: 12,
    jobModifyIndex: 11,
    submission: null,
    ...change,
  };
}

export function taskRecord(machine: MachineState, change: Partial<TaskRecord> = {}): TaskRecord {
  return {
    machine,
    events: [],
    restarts: 0,
    window: null,
    fetched: false,
    lastRestart: 0,
    startedAt: 0,
    finishedAt: 0,
    ...change,
  };
}

export function allocation(change: Partial<Allocation> = {}): Allocation {
  return {
    id: "1f6a0b1c-0000-4000-8000-000000000001",
    name: "web.vms[0]",
    index: 0,
    jobId: "web",
    jobVersion: 0,
    group: "vms",
    evalId: "e0000000-0000-4000-8000-000000000001",
    nodeId: NODE.id,
    desired: "run",
    desiredDescription: "",
    ports: [{ label: "http", hostPort: 25_001, to: 80, hostAddress: "", static: false }],
    tasks: { vm: taskRecord(RUNNING) },
    createTime: RECORD_TIME,
    modifyTime: RECORD_TIME + 1_500,
    createIndex: 13,
    modifyIndex: 14,
    ...change,
  };
}

export function evaluation(change: Partial<Evaluation> = {}): Evaluation {
  return {
    id: "e0000000-0000-4000-8000-000000000001",
    jobId: "web",
    type: "service",
    priority: 50,
    triggeredBy: "job-register",
    status: "complete",
    statusDescription: "",
    createTime: RECORD_TIME,
    createIndex: 13,
    modifyIndex: 13,
    ...change,
  };
}

const LIVE: Live = {
  generation: 1,
  identity: { bootId: "5b1f7a52-0000-4000-8000-000000000000", pid: 4711, startTime: 99 },
  startedAt: RECORD_TIME,
  guest: "running",
  shutdown: null,
  adopted: true,
};

export const RUNNING: MachineState = { kind: "running", ...LIVE };

const ORDER = {
  cause: "job stopped",
  requestedAt: RECORD_TIME + 2_000,
  graceful: true,
  shutdownDelay: 0,
  killTimeout: 5_000,
} as const;

const PRESS = { rung: "powerdown", at: RECORD_TIME + 2_001, answer: "accepted" } as const;

export const STOPPING: MachineState = { kind: "stopping", order: ORDER, tries: [PRESS], ...LIVE };

/** A graceful stop that the guest obeyed. */
export const GRACEFUL: Ending = {
  reason: "guest-shutdown",
  failed: false,
  exitCode: 0,
  signal: 0,
  at: RECORD_TIME + 3_250,
  message: "the guest powered off",
  hint: null,
  stop: { order: ORDER, tries: [PRESS], rung: "powerdown", took: 1_250 },
};

export const CRASHED: Ending = {
  reason: "killed",
  failed: true,
  exitCode: 139,
  signal: 11,
  at: RECORD_TIME + 100,
  message: "QEMU was killed by SIGSEGV",
  hint: "look at the kernel log",
  stop: null,
};

/** What is kept of such an end. */
export const CRASH = {
  generation: 1,
  ending: CRASHED,
  startedAt: RECORD_TIME - 60_000,
  endedAt: RECORD_TIME + 90,
  pid: 4242,
  adopted: false,
  next: { restart: false, reason: "Policy allows no restarts", delay: 0 },
  remains: {
    events: [{ name: "RESET", at: RECORD_TIME - 50_000, data: '{"guest":true}' }],
    status: "exit 139\n",
    stderr: "qemu: bad\n",
    serial: "DEMO GUEST\ntick 1\n",
    kernel: { lines: ["qemu[4242]: segfault at 0"], unread: null },
    watched: true,
    endedAt: null,
  },
  versions: { paddock: "0.1.0", kernel: "6.1.0" },
} satisfies PostMortem;

export const LOST: Ending = { ...CRASHED, reason: "lost", exitCode: null, signal: 0, message: "no evidence is left" };

/** A machine that ended so. */
export function ended(ending: Ending): MachineState {
  return { kind: "ended", generation: 1, ending, failed: ending.failed };
}

export const NODE: Node = {
  id: "d0de0000-0000-4000-8000-000000000001",
  name: "host-1",
  datacenter: "dc1",
  nodeClass: "",
  nodePool: "default",
  attributes: {
    "cpu.numcores": "8",
    "cpu.totalcompute": "19200",
    "memory.totalbytes": "8589934592",
    "unique.storage.bytesfree": "107374182400",
    "unique.network.ip-address": "192.0.2.7",
    "os.name": "debian",
    "driver.qemu": "1",
    "driver.qemu.version": "7.2.22",
  },
  meta: { rack: "a1" },
  qemu: {
    healthy: true,
    description: "Healthy",
    emulators: [{ name: "x86_64", path: "/usr/bin/qemu-system-x86_64", version: "7.2.22" }],
    kvm: { usable: false, reason: "a guest hung under /dev/kvm" },
  },
  capacity: capacity(),
};

export const PLAN: LaunchPlan = {
  argv: [
    { word: "/usr/bin/qemu-system-x86_64", origin: { kind: "emulator" } },
    { word: "-m", origin: { kind: "job", attribute: "resources.memory" } },
    { word: "-nodefaults", origin: { kind: "paddock", why: "no device but those asked for" } },
    { word: "-snapshot", origin: { kind: "args", index: 0 } },
    { word: "-display", origin: { kind: "args", index: 1, note: "was -nographic" } },
  ],
  cwd: "/var/lib/paddock/alloc/1f6a0b1c-0000-4000-8000-000000000001/vm",
  env: { HOME: "/secret-home" },
  forwards: [{ label: "http", protocol: "tcp", hostAddress: "", hostPort: 25_001, guestPort: 80 }],
  disk: { readWrite: 3, readOnly: 4 },
  serial: { ours: true },
  warnings: ["-nodefconfig was dropped"],
};

/** A check that has succeeded. */
export function checkReport(spec: Partial<CheckSpec> = {}, state: Partial<CheckState> = {}): CheckReport {
  return {
    spec: {
      id: "c1",
      name: "web",
      service: "front",
      task: "",
      restarts: ["vm"],
      probe: { type: "tcp", host: "127.0.0.1", port: 25_001 },
      interval: 10_000,
      timeout: 1000,
      mode: "healthiness",
      initial: "pending",
      successes: 1,
      failures: 1,
      limit: 3,
      grace: 1000,
      ...spec,
    },
    state: {
      status: "success",
      output: "http ok: 200",
      statusCode: 0,
      at: RECORD_TIME,
      streak: 1,
      lastSucceeded: true,
      unhealthy: 0,
      ...state,
    },
  };
}

/** A host of two processors, one of them busy. */
export const HOST_USAGE: HostUsage = {
  at: RECORD_TIME,
  cpus: [],
  cpuPercents: [
    { name: "cpu0", user: 75, system: 25, idle: 0 },
    { name: "cpu1", user: 0, system: 0, idle: 100 },
  ],
  memory: { total: 8 << 20, available: 6 << 20, free: 1 << 20 },
  disk: { mountPoint: "/var", size: 1000, used: 250, available: 700, inodesUsedPercent: 1.5 },
  uptime: 12.75,
};

export const MACHINE_USAGE: MachineUsage = {
  pid: 4711,
  at: RECORD_TIME,
  cpu: { userPercent: 40, systemPercent: 10, seconds: 12.34 },
  memory: { rss: 64 << 20, peak: 96 << 20, swap: 0 },
  drives: [
    {
      ...{ name: "image0", readBytes: 2048, writtenBytes: 512, reads: 4, writes: 1, flushes: 1 },
      ...{ readErrors: 0, writeErrors: 0 },
    },
  ],
  balloon: null,
};

export const MACHINE_DETAIL: MachineDetail = { pss: 60 << 20, vcpus: [{ index: 0, seconds: 11.5 }] };
