import { afterEach, beforeEach } from "bun:test";
import { gzipSync } from "node:zlib";
import type { Job } from "../../src/job/job.ts";
import { DEMO_DISK_SHA256, demoDisk } from "./demo-disk.ts";
import { type DiskBench, diskBench, REPEAT } from "./disk-bench.ts";
import { demoJob, type InProcessAgent } from "./in-process-agent.ts";
import { type Origin, startOrigin } from "./origin.ts";

/** What a job asks for beside its image. */
export interface FetchedRun {
  readonly group?: string;
  readonly config?: string;
  readonly path?: string;
  readonly options?: string | undefined;
  /** More lines of the artifact. */
  readonly more?: string;
  /** The lines of its restart block; it is started again and again unless told. */
  readonly restart?: string;
}

/** A bench of disks whose images an artifact brings from an origin, which serves the demo guest's disk plain and packed. */
export interface FetchedDiskBench extends Omit<DiskBench, "run"> {
  readonly origin: Origin;
  readonly jobOf: (id: string, more?: FetchedRun) => Job;
  readonly run: (id: string, more?: FetchedRun) => ReturnType<InProcessAgent["agent"]["registerJob"]>;
  /** The image's file in the cache. */
  readonly content: () => string;
}

/** Made before each test of the file that calls this, and cleared away after it. */
export function fetchedDiskBench(): FetchedDiskBench {
  let origin: Origin;
  beforeEach(async () => {
    origin = await startOrigin({
      "/demo.img": { kind: "bytes", body: demoDisk() },
      "/demo.img.gz": { kind: "bytes", body: gzipSync(demoDisk()) },
    });
  });
  const bench = diskBench();
  const { bed } = bench;
  afterEach(() => origin[Symbol.asyncDispose]());
  const jobOf = (
    id: string,
    {
      config = "",
      path = "/demo.img",
      options = `checksum = "sha256:${DEMO_DISK_SHA256}"`,
      group = "",
      more = "",
      restart = REPEAT,
    }: FetchedRun = {},
  ): Job => {
    const task = `artifact {\n source = "${origin.url(path)}"\n ${more}\n options {\n ${options}\n }\n }`;
    return demoJob("local/demo.img", { id, config, task, restart, group });
  };
  return {
    ...bench,
    get origin() {
      return origin;
    },
    jobOf,
    run: (id, more) => bed.agent.registerJob(jobOf(id, more), null, {}),
    content: () => bed.dir.file("data", "cache", "sha256", DEMO_DISK_SHA256, "content"),
  };
}
