import { diskFiles, type TaskDirs, taskDirs } from "../../src/paths.ts";
import { type AgentPerTest, agentPerTest } from "./agent-per-test.ts";
import { consoleOf, idOf, machineOf, messagesOf } from "./in-process-agent.ts";
import { patiently } from "./until.ts";

/** Restarts as often as a test of a disk needs, and at once. */
export const REPEAT = 'attempts = 9\n interval = "1h"\n delay = "0s"\n mode = "fail"';

export const OVERLAY = 'disk = "overlay"';

/** An agent for each test, and questions about the disks of its jobs, by the job's id: `demo` unless told. */
export interface DiskBench {
  readonly bed: AgentPerTest;
  /** Submits a job; its image is the demo disk below `image_paths` unless told. */
  readonly run: (config: string, job?: string, image?: string) => Promise<void>;
  readonly dirsOf: (job?: string) => TaskDirs;
  /** The names that a disk of the agent's may have; not all are there. */
  readonly filesOf: (job?: string) => ReturnType<typeof diskFiles>;
  /** What the newest allocation's history says. */
  readonly messages: (job?: string) => string;
  /** Waits for a start of the demo guest, which counts its starts on its disk. */
  readonly booted: (count: number, job?: string) => Promise<unknown>;
  /** Gives the button: what was not flushed is lost with SIGKILL, in a qcow2 as elsewhere. */
  readonly restart: (job?: string) => Promise<void>;
  /** SIGKILL to QEMU. */
  readonly kill: (job?: string) => Promise<void>;
  /** Stops a job and waits for its machine's end. */
  readonly stop: (job?: string) => Promise<void>;
  /** What the end of a job's machine says. */
  readonly failure: (job?: string) => Promise<string>;
}

/** Made before each test of the file that calls this, and cleared away after it. */
export function diskBench(): DiskBench {
  const bed = agentPerTest();
  const dirsOf = (job?: string): TaskDirs => taskDirs(bed.dirs, idOf(bed.agent, job), "vm");
  return {
    bed,
    run: async (config, job = "demo", image = bed.image) => {
      await bed.submit({ id: job, config, restart: REPEAT }, image);
    },
    dirsOf,
    filesOf: (job) => diskFiles(dirsOf(job)),
    messages: (job) => messagesOf(bed.agent, job).join("\n"),
    booted: (count, job = "demo") =>
      patiently(`boot ${count} of ${job}`, async () => (await consoleOf(bed.agent, job)).includes(`boot=${count}`)),
    restart: (job) => bed.agent.restartAllocation(idOf(bed.agent, job), "vm"),
    kill: async (job) => {
      process.kill((await machineOf(bed.agent, "running", job)).identity.pid, "SIGKILL");
    },
    stop: async (job = "demo") => {
      await bed.agent.deregisterJob(job, { purge: false });
      await machineOf(bed.agent, "ended", job);
    },
    failure: async (job) => (await machineOf(bed.agent, "ended", job)).ending.message,
  };
}
