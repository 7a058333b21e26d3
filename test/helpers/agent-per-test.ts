import { afterEach, beforeEach } from "bun:test";
import type { AgentDirs } from "../../src/paths.ts";
import { clearAway } from "./clear-away.ts";
import {
  type DemoJob,
  demoJob,
  type InProcessAgent,
  type InProcessOptions,
  startInProcess,
  writeDemoDisk,
} from "./in-process-agent.ts";
import { type TempDir, tempDir } from "./temp.ts";

/** What each test of a file has to itself: a directory, an agent in it, and whatever the two come to hold. */
export interface AgentPerTest {
  readonly dir: TempDir;
  /** The agent's directories below it. */
  readonly dirs: AgentDirs;
  /** A demo disk, written when it is first asked for: a guest's counter of its boots is on it. */
  readonly image: string;
  /** The agent that was started last. */
  readonly running: InProcessAgent;
  readonly agent: InProcessAgent["agent"];
  /** @param root another name of its directory. */
  start(options?: InProcessOptions, root?: string): Promise<void>;
  /** Another agent takes the directory over from the one that runs; between the two `meanwhile` happens. */
  restart(meanwhile?: () => unknown, options?: InProcessOptions): Promise<void>;
  /** Submits a demo job; its disk is `image` unless told. */
  submit(more?: DemoJob, disk?: string): ReturnType<InProcessAgent["agent"]["registerJob"]>;
}

/**
 * Makes the directory before each test of the file or block, and clears everything away after it.
 * @param began how the agent is started that a test begins with; false when there is none.
 */
export function agentPerTest(began: InProcessOptions | false = {}): AgentPerTest {
  let dir: TempDir | undefined;
  let image: string | undefined;
  let running: InProcessAgent | undefined;
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("no test has begun, or its agent has not been started");
    return value;
  };
  const start = async (options?: InProcessOptions, root = there(dir).path) => {
    running = await startInProcess(root, options);
  };
  beforeEach(async () => {
    [dir, image, running] = [tempDir(), undefined, undefined];
    if (began !== false) await start(began);
  });
  afterEach(() => clearAway(there(dir), running));
  const demoDisk = (): string => {
    image ??= writeDemoDisk(there(dir).path);
    return image;
  };
  return {
    get dir() {
      return there(dir);
    },
    get dirs() {
      return { dataDir: there(dir).file("data"), runDir: there(dir).file("run") };
    },
    get image() {
      return demoDisk();
    },
    get running() {
      return there(running);
    },
    get agent() {
      return there(running).agent;
    },
    start,
    restart: async (meanwhile = () => undefined, options) => {
      there(running).close();
      await meanwhile();
      await start(options);
    },
    submit: (more, disk = demoDisk()) => there(running).agent.registerJob(demoJob(disk, more), null, {}),
  };
}
