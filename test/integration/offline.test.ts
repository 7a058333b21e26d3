import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { planArtifact } from "../../src/artifact/plan.ts";
import { requestOf } from "../../src/artifact/request.ts";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import type { Artifact } from "../../src/job/job.ts";
import { taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { makeBundle, publicPem, sumOf } from "../helpers/bundle.ts";
import { demoJob, machineOf } from "../helpers/in-process-agent.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";

const DISK = Buffer.concat([demoImage(), Buffer.alloc(DEMO_DISK_BYTES - demoImage().length)]);
const PACKED = gzipSync(Buffer.from("seed"));
setDefaultTimeout(60_000);
const bed = agentPerTest({ site: { offline: true, trustedKeys: null } });
let origin: Origin;

beforeEach(async () => {
  // It would serve everything: what an agent asks for is seen here.
  origin = await startOrigin({
    "/disk.img": { kind: "bytes", body: DISK },
    "/seed.img.gz": { kind: "bytes", body: PACKED },
  });
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
});

const seed = (): string =>
  `artifact {\n source = "${origin.url("/seed.img.gz")}"\n options {\n checksum = "sha256:${sumOf(PACKED)}"\n }\n }`;
const disk = (): string => `artifact {\n source = "${origin.url("/disk.img")}"\n }`;
const job = () => demoJob("local/disk.img", { task: `${disk()}\n${seed()}` });

function requestFor(source: string): string {
  const artifact: Artifact = { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false };
  return requestOf(planArtifact(artifact, taskDirs({ dataDir: "/", runDir: "/" }, "a", "t")));
}

async function loadAll(): Promise<void> {
  const artifacts = [{ body: DISK, request: requestFor(origin.url("/disk.img")) }, { body: PACKED }];
  await makeBundle(bed.dir.file("site.tar"), { artifacts });
  const { bundles } = bed.agent;
  const id = bundles.open({ trustedKeys: [publicPem("ours")], allowUnsigned: false });
  await bundles.feed(id, 0, readFileSync(bed.dir.file("site.tar")));
  await bundles.finish(id);
}

describe("an agent without a network", () => {
  test("refuses a job before anything starts, naming all that its cache lacks and what to do", async () => {
    const { warnings: _, uncached } = bed.agent.validateJob(job());
    expect(uncached).toEqual([
      `group "g", task "vm": ${origin.url("/disk.img")} (without a checksum)`,
      `group "g", task "vm": ${origin.url("/seed.img.gz")} (sha256:${sumOf(PACKED)})`,
    ]);
    const error = await refusal(bed.agent.registerJob(job(), null, {}));
    expect(error.code).toBe("unplaceable");
    for (const line of uncached) expect(error.message).toContain(`\n  ${line}`);
    expect(error.hint).toContain("paddock image load site.tar");
    expect(bed.agent.jobs("")).toEqual([]);
    expect(origin.requests).toEqual([]);
  });

  test("runs it once a bundle was loaded, also without checksums and unpacked, and asks nobody", async () => {
    await loadAll();
    await bed.agent.registerJob(job(), null, {});
    await machineOf(bed.agent, "running");
    const [allocation] = bed.agent.allocations({ jobId: "demo" });
    const { local } = taskDirs({ dataDir: bed.dir.file("data"), runDir: "" }, allocation?.id ?? "", "vm");
    expect(readFileSync(`${local}/seed.img`, "utf8")).toBe("seed");
    expect(origin.requests).toEqual([]);
    // What runs goes on, whatever the cache has by now.
    await bed.agent.images.prune({ maxAge: 0, maxBytes: null }, false);
    await bed.agent.registerJob(job(), null, {});
  });

  test("pulls nothing that it does not have", async () => {
    const watch = { signal: new AbortController().signal, onProgress: () => undefined, onMessage: () => undefined };
    const wish = { source: origin.url("/disk.img"), options: {}, headers: {}, insecure: false };
    const error = await refusal(bed.agent.images.pull(wish).run(watch));
    expect(error.message).toContain("it is not in the cache, and this agent is told to be offline");
    await loadAll();
    expect(await bed.agent.images.pull(wish).run(watch)).toMatchObject({ cached: true });
    expect(origin.requests).toEqual([]);
  });
});
