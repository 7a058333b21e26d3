import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "../../src/agent/agent.ts";
import { startCacheKeeper } from "../../src/agent/cache-keeper.ts";
import type { AgentContext } from "../../src/agent/context.ts";
import { createAgent } from "../../src/agent/create.ts";
import { jobRules } from "../../src/agent/job-rules.ts";
import { createCoreBook } from "../../src/agent/start/cores.ts";
import { createPrepare } from "../../src/agent/start/prepare.ts";
import { createSpareDirectory } from "../../src/agent/start/spare-directory.ts";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { SourceConfig } from "../../src/artifact/source/rules.ts";
import { createTurns } from "../../src/artifact/turns.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { createLog } from "../../src/base/log.ts";
import { SECOND } from "../../src/base/units.ts";
import type { CacheLimits } from "../../src/cache/collect.ts";
import type { Cgroups } from "../../src/cgroup/groups.ts";
import type { AgentConfig, GarbageLimits } from "../../src/config/agent-config.ts";
import { findMachineUsers } from "../../src/daemon/machine-users.ts";
import { makePlace } from "../../src/daemon/place.ts";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { renderDiagnostics } from "../../src/hcl/render.ts";
import type { Job } from "../../src/job/job.ts";
import { loadJob } from "../../src/job/load.ts";
import { composeNode, findHost } from "../../src/node/fingerprint.ts";
import type { Capacity, Emulator, Node } from "../../src/node/node.ts";
import { cacheDir, databaseFile, reserveFile } from "../../src/paths.ts";
import { createRecorder } from "../../src/state/recorder.ts";
import { createReserve } from "../../src/state/reserve.ts";
import { openStore } from "../../src/state/store.ts";
import { readBootId } from "../../src/supervisor/identity.ts";
import { createSupervisor } from "../../src/supervisor/supervisor.ts";
import { NO_RESOURCES } from "./capacity.ts";
import { testSources } from "./sources.ts";
import { patiently } from "./until.ts";

/** An agent without its daemon and API, over a directory that a later one can take over. */
export interface InProcessAgent {
  readonly agent: Agent;
  readonly logLines: readonly string[];
  /** Makes another node of the agent's, as a look at the host may that is taken from time to time. */
  changeNode(change: (node: Node) => Node): void;
  /** Rotates what is too long, as the agent does every few seconds. */
  lookAtLogs(): Promise<void>;
  /** Lets guests go on for which there is room again, as the agent does every few seconds. */
  lookForRoom(): Promise<void>;
  /** Ends as an agent does that was told to: the machines run on. Once it has ended nothing happens. */
  close(): void;
}

let node: Promise<Node> | undefined;

/** One fingerprint serves every test of a run. */
function findNode(dataDir: string): Promise<Node> {
  const config = {
    name: "test",
    datacenter: "dc1",
    nodeClass: "",
    meta: {},
    emulatorsAllowlist: [],
    dataDir,
    dynamicUsers: false,
    resources: NO_RESOURCES,
  };
  node ??= findHost(config).then((found) => composeNode(config, "6d1a2b3c-0000-4000-8000-000000000000", found));
  return node;
}

const USERS: AgentConfig["users"] = { wanted: process.getuid?.() === 0, min: 80_000, max: 89_999 };

/** The host's own disk, and what other tests leave on it, must not decide what an agent of a test removes. */
const NO_GARBAGE: GarbageLimits = {
  intervalMillis: 60_000,
  maxAllocs: 1_000,
  diskUsage: 100,
  inodeUsage: 100,
  diskRetentionMillis: 168 * 3_600_000,
  jobThresholdMillis: 4 * 3_600_000,
  evalThresholdMillis: 3_600_000,
};

export interface InProcessOptions {
  /** Another one stands for a host that was started anew. */
  readonly bootId?: string;
  /** Instead of what the job says, which is a MiB at the least. */
  readonly maxLogBytes?: number;
  /** Whom machines run as; with root's agent a user of its own each, unless told. */
  readonly users?: AgentConfig["users"];
  /** In nanoseconds; the agent's default unless told. */
  readonly maxKillTimeout?: number;
  /** Instead of what this host has. */
  readonly capacity?: Partial<Capacity>;
  readonly cacheLimits?: CacheLimits;
  readonly site?: AgentContext["site"];
  /** Instead of limits that nothing comes up to. */
  readonly garbage?: Partial<GarbageLimits>;
  readonly cgroups?: Cgroups | null;
  readonly clock?: Clock;
  /** Besides those of the host. */
  readonly emulators?: readonly Emulator[];
  /** What the agent finds when it looks again before it refuses a job. */
  readonly lookAgain?: (node: Node) => Node;
  /** Artifacts at the same time. */
  readonly parallel?: number;
  /** Comes before what was recorded is brought to the disk beside the agent's thread; the disk is as slow as this. */
  readonly beforeSync?: () => Promise<void>;
  /** What sources may have of the host; nothing unless told. */
  readonly sources?: Partial<SourceConfig>;
}

export async function startInProcess(
  root: string,
  {
    bootId = readBootId(),
    maxLogBytes,
    cgroups = null,
    users = USERS,
    maxKillTimeout = 30 * SECOND,
    capacity,
    garbage = {},
    cacheLimits = { maxBytes: 0, maxAgeMillis: 0 },
    site = { offline: false, trustedKeys: null },
    clock = systemClock,
    parallel = 16,
    emulators = [],
    lookAgain = (node) => node,
    beforeSync = () => Promise.resolve(),
    sources,
  }: InProcessOptions = {},
): Promise<InProcessAgent> {
  const dirs = { dataDir: join(root, "data"), runDir: join(root, "run") };
  makePlace(dirs);
  mkdirSync(imagesDir(root), { recursive: true });
  const found = await findNode(dirs.dataDir);
  let known: Node = {
    ...found,
    capacity: { ...found.capacity, ...capacity },
    qemu: { ...found.qemu, emulators: [...found.qemu.emulators, ...emulators] },
  };
  const logLines: string[] = [];
  const log = createLog("debug", (line) => logLines.push(line));
  const reserve = createReserve(reserveFile(dirs), log);
  const opened = openStore(databaseFile(dirs), reserve);
  const store = { ...opened, sync: () => beforeSync().then(opened.sync) };
  const base = {
    dirs,
    policy: { imagePaths: [imagesDir(root)], argsAllowlist: [], emulatorsAllowlist: [], maxKillTimeout },
    sources: testSources(dirs, sources),
    site,
    store,
    recorder: createRecorder(store, reserve),
    users: await findMachineUsers({ dirs, users }, { store, log }),
    node: () => known,
    nodeComplete: Promise.resolve(),
    lookAtNode: async () => {
      known = lookAgain(known);
    },
    cacheKeeper: startCacheKeeper({ cache: cacheDir(dirs), limits: cacheLimits, clock, log }),
    artifactTurns: createTurns(parallel),
    garbage: { ...NO_GARBAGE, ...garbage },
    clock,
    log,
  };
  const rules = jobRules(base);
  const spare = createSpareDirectory({ dirs, clock: systemClock, log });
  const supervisor = createSupervisor({
    ...base,
    bootId,
    cgroups,
    prepare: createPrepare({ ...base, spare, cores: createCoreBook(store, "0-255") }),
    ...rules,
    logLimitsOf: (allocation, task) => {
      const limits = rules.logLimitsOf(allocation, task);
      return { ...limits, maxBytes: maxLogBytes ?? limits.maxBytes };
    },
  });
  await supervisor.adoptAll();
  const context: AgentContext = { ...base, supervisor };
  const agent = createAgent(context);
  let open = true;
  return {
    agent,
    lookAtLogs: () => supervisor.lookAtLogs(),
    lookForRoom: () => supervisor.lookForRoom(),
    logLines,
    changeNode: (change) => {
      known = change(known);
      agent.nodeChanged();
    },
    close: () => {
      if (!open) return;
      open = false;
      agent.close();
      spare.close();
      supervisor.close();
      base.cacheKeeper.close();
      store.close();
    },
  };
}

export const imagesDir = (root: string): string => join(root, "images");

/** Writes the demo guest's disk below `image_paths` and returns its path. */
export function writeDemoDisk(root: string, name = "demo.img"): string {
  mkdirSync(imagesDir(root), { recursive: true });
  const path = join(imagesDir(root), name);
  writeFileSync(path, demoImage());
  truncateSync(path, DEMO_DISK_BYTES);
  return path;
}

/** A job as its file says it; @throws with the diagnostics when it is not valid. */
export function jobFrom(text: string): Job {
  const { job, diagnostics, sources } = loadJob("test.hcl", text);
  if (job === undefined) throw new Error(renderDiagnostics(diagnostics, sources));
  return job;
}

export interface DemoJob {
  readonly id?: string;
  readonly type?: "service" | "batch";
  /** Lines of the `restart` block; no restart unless told, so that an end stays one. */
  readonly restart?: string;
  readonly config?: string;
  readonly task?: string;
  readonly group?: string;
}

/** A service job of one machine; `config` and `task` are more lines of HCL. */
export function demoJob(image: string, more: DemoJob = {}): Job {
  return jobFrom(`
job "${more.id ?? "demo"}" {
  type = "${more.type ?? "service"}"
  group "g" {
    restart {
      ${more.restart ?? 'attempts = 0\n mode = "fail"'}
    }
    ${more.group ?? ""}
    task "vm" {
      driver = "qemu"
      config {
        image_path        = "${image}"
        graceful_shutdown = true
        ${more.config ?? ""}
      }
      resources { memory = 128 }
      ${more.task ?? ""}
    }
  }
}`);
}

/** Waits until the one machine of a job's newest allocation is in a state. */
export async function machineOf<K extends string>(agent: Agent, kind: K, jobId = "demo") {
  return await patiently(`the machine of job ${jobId} to be ${kind}`, () => {
    const machine = newestOf(agent, jobId)?.tasks["vm"]?.machine;
    if (machine?.kind !== kind) throw new Error(JSON.stringify(machine));
    if (machine.kind === "running" && machine.guest === "unknown") throw new Error("QEMU has not answered yet");
    return machine as Extract<typeof machine, { kind: K }>;
  });
}

export const newestOf = (agent: Agent, jobId = "demo"): Allocation | undefined => agent.allocations({ jobId }).at(-1);

/** The id of a job's newest allocation; empty when there is none. */
export const idOf = (agent: Agent, jobId = "demo"): string => newestOf(agent, jobId)?.id ?? "";

/** The history of the one machine of a job's newest allocation, by the types of its events. */
export const eventsOf = (agent: Agent, jobId = "demo"): string[] =>
  newestOf(agent, jobId)?.tasks["vm"]?.events.map(({ type }) => type) ?? [];

/** What that history says. */
export const messagesOf = (agent: Agent, jobId = "demo"): string[] =>
  newestOf(agent, jobId)?.tasks["vm"]?.events.map(({ message }) => message) ?? [];

/** Waits until the demo guest has spoken, and so hears its power button. */
export async function bannerOf(agent: Agent, jobId = "demo"): Promise<void> {
  const spoken = async () => (await consoleOf(agent, jobId)).includes("DEMO GUEST");
  await patiently("the guest's banner", spoken);
}

/** Waits until the one machine of a job runs in the start of this number, and QEMU has said so. */
export async function startOf(agent: Agent, generation: number, jobId = "demo") {
  return await patiently(`start ${generation} of the machine of job ${jobId}`, () => {
    const machine = newestOf(agent, jobId)?.tasks["vm"]?.machine;
    if (machine?.kind === "running" && machine.generation === generation && machine.guest === "running") return machine;
    throw new Error(JSON.stringify(machine));
  });
}

/** The serial console of a job's newest allocation so far. */
export async function consoleOf(agent: Agent, jobId = "demo"): Promise<string> {
  let text = "";
  const options = {
    type: "stdout",
    follow: false,
    origin: "start",
    offset: 0,
    signal: new AbortController().signal,
  } as const;
  for await (const chunk of agent.readLog(idOf(agent, jobId), "vm", options))
    text += Buffer.from(chunk.data).toString();
  return text;
}
