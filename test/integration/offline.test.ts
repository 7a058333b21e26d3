import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { requestOf } from "../../src/artifact/download/request.ts";
import { planArtifact } from "../../src/artifact/plan.ts";
import type { Artifact } from "../../src/job/job.ts";
import { taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { makeBundle, publicPem } from "../helpers/bundle.ts";
import { runInProcess } from "../helpers/cli.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { hexOf } from "../helpers/hash.ts";
import { demoJob, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { jobText } from "../helpers/jobs.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";

const DISK = demoDisk();
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
  `artifact {\n source = "${origin.url("/seed.img.gz")}"\n options {\n checksum = "sha256:${hexOf(PACKED)}"\n }\n }`;
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
      `group "g", task "vm": ${origin.url("/seed.img.gz")} (sha256:${hexOf(PACKED)})`,
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

  test("finds what was bundled with a laptop's credentials and lists of checksums, and has neither", async () => {
    const secret = { "/a.img": DISK, "/b.img": Buffer.from("b"), "/c.img": Buffer.from("c"), "/MD5SUMS": "" };
    const lines = `${hexOf(Buffer.from("c"), "md5")}  c.img\n`;
    for (const [path, body] of Object.entries({ ...secret, "/MD5SUMS": lines })) {
      const login = `Basic ${Buffer.from("me:s3cret").toString("base64")}`;
      origin.set(path, {
        kind: "each",
        answer: ({ headers }) =>
          headers["authorization"] === login ? { kind: "bytes", body } : { kind: "status", status: 401 },
      });
    }
    const artifact = (name: string, checksum: string): string =>
      `artifact {\n source = "${origin.url(`/${name}.img`)}"\n ${checksum === "" ? "" : `options {\n checksum = "${checksum}"\n }`}\n }`;
    const list = `file:${origin.url("/MD5SUMS")}`;
    const task = [artifact("a", ""), artifact("b", `md5:${hexOf(Buffer.from("b"), "md5")}`), artifact("c", list)];
    const wanted = { image: "local/a.img", task: task.join("\n") };
    writeFileSync(bed.dir.file("demo.hcl"), jobText(wanted));
    writeFileSync(bed.dir.file(".netrc"), "machine 127.0.0.1 login me password s3cret\n");
    const args = ["image", "bundle", "-o", bed.dir.file("s.tar"), bed.dir.file("demo.hcl")];
    expect(await runInProcess(args, { env: { HOME: bed.dir.path } })).toMatchObject({ code: 0 });
    const asked = origin.requests.length;

    const demo = demoJob("local/a.img", { task: wanted.task });
    expect(bed.agent.validateJob(demo).uncached).toHaveLength(3);
    const id = bed.agent.bundles.open({ trustedKeys: [], allowUnsigned: true });
    await bed.agent.bundles.feed(id, 0, readFileSync(bed.dir.file("s.tar")));
    await bed.agent.bundles.finish(id);
    expect(bed.agent.validateJob(demo).uncached).toEqual([]);
    await bed.agent.registerJob(demo, null, {});
    await machineOf(bed.agent, "running");
    const { local } = taskDirs(bed.dirs, idOf(bed.agent), "vm");
    expect(["b", "c"].map((name) => readFileSync(`${local}/${name}.img`, "utf8"))).toEqual(["b", "c"]);
    expect(origin.requests).toHaveLength(asked);
  });

  test("still takes files of the host itself", async () => {
    const own = bed.dir.file("own");
    mkdirSync(own);
    writeFileSync(`${own}/disk.img`, DISK);
    await bed.restart(undefined, { site: { offline: true, trustedKeys: null }, sources: { filePaths: [own] } });
    const demo = demoJob("local/disk.img", { task: `artifact {\n source = "file://${own}/disk.img"\n }` });
    expect(bed.agent.validateJob(demo).uncached).toEqual([]);
    await bed.agent.registerJob(demo, null, {});
    await machineOf(bed.agent, "running");
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
