import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { setAside } from "../../src/cache/remove.ts";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { diskFiles, taskDirs } from "../../src/paths.ts";
import { tarOf } from "../helpers/archives.ts";
import { sha256 } from "../helpers/cache.ts";
import { clearAway } from "../helpers/clear-away.ts";
import {
  consoleOf,
  demoJob,
  type InProcessAgent,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { type Origin, type PlainReply, startOrigin } from "../helpers/origin.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const IMAGE = Buffer.alloc(DEMO_DISK_BYTES);
IMAGE.set(demoImage());
const SUM = createHash("sha256").update(IMAGE).digest("hex");

let dir: TempDir;
let running: InProcessAgent;
let origin: Origin;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path);
  origin = await startOrigin({
    "/demo.img": { kind: "bytes", body: IMAGE },
    "/demo.img.gz": { kind: "bytes", body: gzipSync(IMAGE) },
  });
});
afterEach(async () => {
  await clearAway(dir, running);
  await origin[Symbol.asyncDispose]();
});

interface Run {
  readonly group?: string;
  readonly config?: string;
  readonly path?: string;
  readonly options?: string | undefined;
  /** More lines of the artifact. */
  readonly more?: string;
}

function jobOf(
  id: string,
  { config = "", path = "/demo.img", options = `checksum = "sha256:${SUM}"`, group = "", more = "" }: Run = {},
) {
  const task = `artifact {\n source = "${origin.url(path)}"\n ${more}\n options {\n ${options}\n }\n }`;
  const restart = 'attempts = 9\n interval = "1h"\n delay = "0s"\n mode = "fail"';
  return demoJob("local/demo.img", { id, config, task, restart, group });
}

const run = (id: string, more?: Run) => running.agent.registerJob(jobOf(id, more), null, {});

const newest = (id: string) => running.agent.allocations({ jobId: id }).at(-1);
const dirsOf = (id: string) =>
  taskDirs({ dataDir: dir.file("data"), runDir: dir.file("run") }, newest(id)?.id ?? "", "vm");
const content = (): string => dir.file("data", "cache", "sha256", SUM, "content");
const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
const booted = (id: string, count: number): Promise<unknown> =>
  until(`boot ${count} of ${id}`, async () => (await consoleOf(running.agent, id)).includes(`boot=${count}`));
const restart = (id: string): Promise<void> => running.agent.restartAllocation(newest(id)?.id ?? "", "vm");

describe("an image that an artifact brings", () => {
  test("starts through an overlay over the cache's file; the second start fetches and copies nothing", async () => {
    await run("one");
    await booted("one", 1);
    await run("two");
    await booted("two", 1);
    expect(origin.count("/demo.img")).toBe(1);
    const { ino } = statSync(content());
    for (const id of ["one", "two"]) {
      const { machine, local } = dirsOf(id);
      expect(statSync(join(local, "demo.img"))).toMatchObject({ ino, nlink: 5 });
      expect(statSync(diskFiles({ machine }).base).ino).toBe(ino);
      const plan = running.agent.launchPlan(newest(id)?.id ?? "", "vm");
      expect(plan.image).toMatchObject({
        path: diskFiles({ machine }).overlay,
        mode: "overlay",
        base: { path: diskFiles({ machine }).base, format: "raw" },
      });
    }
    await restart("one");
    await booted("one", 2);
    expect(hashOf(content())).toBe(SUM);
    expect(statSync(content()).mode & 0o777).toBe(0o444);
  });

  test("has its disk without the cache, and without the file in local/, which its machine may remove", async () => {
    await run("one");
    await booted("one", 1);
    rmSync(join(dirsOf("one").local, "demo.img"));
    rmSync(dir.file("data", "cache"), { recursive: true });
    running.close();
    running = await startInProcess(dir.path);
    await restart("one");
    await booted("one", 2);
    // And the next one fetches it again.
    await run("two");
    await booted("two", 1);
    expect(origin.count("/demo.img")).toBe(2);
  });

  test("is unpacked once for all, and needs no checksum", async () => {
    for (const id of ["one", "two"]) {
      await run(id, { path: "/demo.img.gz", options: "" });
      await booted(id, 1);
    }
    expect(origin.requests.length).toBeGreaterThan(0);
    const [one, two] = ["one", "two"].map((id) => statSync(diskFiles(dirsOf(id)).base));
    expect(one?.ino).toBe(two?.ino as number);
    expect(one).toMatchObject({ nlink: 5, size: DEMO_DISK_BYTES });
  });

  test("is a file of its own with disk = direct, and a copy of the agent's with disk = copy", async () => {
    await run("direct", { config: 'disk = "direct"' });
    await booted("direct", 1);
    const own = join(dirsOf("direct").local, "demo.img");
    expect(statSync(own).nlink).toBe(1);
    await run("copied", { config: 'disk = "copy"\n disk_size = "4MiB"' });
    await booted("copied", 1);
    const { copy, overlay, base } = diskFiles(dirsOf("copied"));
    expect([statSync(copy).size, existsSync(overlay), existsSync(base)]).toEqual([4 << 20, false, false]);
    for (const id of ["direct", "copied"]) {
      await restart(id);
      await booted(id, 2);
    }
    expect(hashOf(own)).not.toBe(SUM);
    expect(hashOf(content())).toBe(SUM);
  });

  test("grows by disk_size", async () => {
    await run("one", { config: 'disk_size = "5TiB"' });
    await booted("one", 1);
    expect(running.agent.launchPlan(newest("one")?.id ?? "", "vm").image?.size).toBe(5 * 2 ** 40);
    const said = newest("one")?.tasks["vm"]?.events.map(({ message }) => message) ?? [];
    expect(said.join("\n")).toMatch(/the disk may grow to 5 TiB, and there are \S+ \w+ free where it lies/);
  });
});

test("a cache's file that somebody has written to is no base any more, for those that stand over it", async () => {
  await run("one");
  await booted("one", 1);
  const { machine } = dirsOf("one");
  Bun.spawnSync([
    "sh",
    "-c",
    `chmod u+w ${content()} && printf x | dd of=${content()} conv=notrunc bs=1 seek=700000 2>/dev/null`,
  ]);
  process.kill((await machineOf(running.agent, "running", "one")).identity.pid, "SIGKILL");
  const { ending } = await machineOf(running.agent, "ended", "one");
  expect(ending.message).toContain(`${diskFiles({ machine }).base}, which is ${content()}, is not the image any more`);
  await run("two");
  await booted("two", 1);
  expect(origin.count("/demo.img")).toBe(2);
});

test("an image that is found damaged while another artifact comes is fetched again by the next start", async () => {
  await run("zero");
  await booted("zero", 1);
  let setAsides = 0;
  const answer = (): PlainReply => {
    if (!existsSync(join(dirsOf("one").local, "demo.img"))) return { kind: "status", status: 503 };
    if (setAsides++ === 0) setAside(dir.file("data", "cache"), sha256(IMAGE));
    return { kind: "bytes", body: "second" };
  };
  origin.set("/second", { kind: "each", answer });
  await run("one", {
    more: `options {\n checksum = "sha256:${SUM}"\n }\n }\n artifact {\n source = "${origin.url("/second")}"`,
    options: "",
  });
  await booted("one", 1);
  expect(origin.count("/demo.img")).toBe(2);
  const events = (newest("one")?.tasks["vm"]?.events ?? []).map(({ message }) => message).join("\n");
  expect(events).toContain(`image_path "local/demo.img": what was fetched went from the cache: ${content()}`);
});

test("a disk starts over a base that came back from a backup", async () => {
  await run("one");
  await booted("one", 1);
  const { base } = diskFiles(dirsOf("one"));
  Bun.spawnSync(["sh", "-c", `cp -p ${base} ${base}.restored && mv ${base}.restored ${base}`]);
  await restart("one");
  await booted("one", 2);
});

describe("when a changed job takes the place of an allocation, its disk", () => {
  const changed = 'args = ["-name", "changed"]';
  const first = async (config = ""): Promise<string> => {
    await run("one", { config });
    await booted("one", 1);
    return newest("one")?.id ?? "";
  };
  const events = (): string => (newest("one")?.tasks["vm"]?.events ?? []).map(({ message }) => message).join("\n");

  test("moves along, with all that the guest wrote, and the first allocation has it no more", async () => {
    const old = await first();
    const theirs = diskFiles(dirsOf("one"));
    const { warnings } = await run("one", { config: changed });
    expect(warnings.join("\n")).toContain(
      `allocation ${old.slice(0, 8)} is stopped and replaced; its disk moves along`,
    );
    await booted("one", 2);
    expect(newest("one")?.previousAllocation).toBe(old);
    expect(events()).toContain(`it moved along from allocation ${old.slice(0, 8)}`);
    expect([existsSync(theirs.overlay), statSync(diskFiles(dirsOf("one")).overlay).nlink]).toEqual([false, 1]);
    await restart("one");
    await booted("one", 3);
  });

  test("moves along past a version that never ran, and grows, and does not shrink", async () => {
    await first();
    const { warnings } = await run("one", { config: 'disk_size = "1GiB"\n args = ["-no-such-option"]' });
    expect(warnings.join("\n")).toContain("its disk moves along");
    await machineOf(running.agent, "ended", "one");
    await run("one", { config: 'disk_size = "512MiB"' });
    const { ending } = await machineOf(running.agent, "ended", "one");
    expect(ending.message).toContain(
      "disk_size 512 MiB: the disk that moves along from the allocation before has 1 GiB, and disks do not shrink",
    );
    await run("one", { config: changed });
    await booted("one", 2);
    expect(running.agent.launchPlan(newest("one")?.id ?? "", "vm").image?.size).toBe(2 ** 30);
  });

  test("that is a copy moves along too", async () => {
    await first('disk = "copy"');
    await run("one", { config: `disk = "copy"\n ${changed}` });
    await booted("one", 2);
  });

  test.each([
    ["another image", { path: "/other.img", options: "" }, "the job has another image now"],
    ["sticky = false", { config: changed, group: "ephemeral_disk {\n sticky = false\n }" }, "sticky = false"],
    ["another kind of disk", { config: 'disk = "copy"' }, 'the job asks for disk = "copy" now'],
  ])("stays where it is with %s, which the reply says", async (_, change, why) => {
    const old = await first();
    const theirs = diskFiles(dirsOf("one")).overlay;
    origin.set("/other.img", { kind: "bytes", body: Buffer.concat([IMAGE, Buffer.alloc(512)]) });
    const path = "path" in change ? `destination = "local/demo.img"\n mode = "file"` : "";
    const { warnings } = await run("one", { ...change, options: "options" in change ? "" : undefined, more: path });
    expect(warnings.join("\n")).toMatch(
      new RegExp(`${old.slice(0, 8)} .* DISCARDS the disk of task "vm", [\\d.]+ KiB written since its start: .*${why}`),
    );
    await booted("one", 1);
    expect(existsSync(theirs)).toBe(true);
  });

  test("stays where it is when its image comes out of an archive, which the reply says", async () => {
    origin.set("/demo.tar", { kind: "bytes", body: tarOf({ name: "demo.img", body: IMAGE }) });
    const config = 'disk = "overlay"';
    const more = { path: "/demo.tar", options: "" };
    await run("one", { config, ...more });
    await booted("one", 1);
    const old = newest("one")?.id ?? "";
    const theirs = diskFiles(dirsOf("one")).overlay;
    const { warnings } = await run("one", { config: `${config}\n ${changed}`, ...more });
    expect(warnings.join("\n")).toMatch(
      new RegExp(`${old.slice(0, 8)} .* DISCARDS the disk of task "vm", .*: its image lies in the allocation itself`),
    );
    await booted("one", 1);
    expect(events()).toContain("does not move along and stays in");
    expect(existsSync(theirs)).toBe(true);
  });

  test.each(["written to", "replaced", "not the one any more that a link leads to"])(
    "stays where it is when the host's image is %s, which the reply says",
    async (how) => {
      const image = writeDemoDisk(dir.path);
      const link = join(dirname(image), "current.img");
      symlinkSync(image, link);
      const job = (args: string) =>
        demoJob(link, { id: "one", config: `disk = "overlay"\n args = ["-name", "${args}"]` });
      await running.agent.registerJob(job("old"), null, {});
      await booted("one", 1);
      if (how === "written to") Bun.spawnSync(["touch", image]);
      else cpSync(image, `${image}.new`);
      if (how === "replaced") renameSync(`${image}.new`, image);
      if (how.startsWith("not")) Bun.spawnSync(["ln", "-sf", `${image}.new`, link]);
      const [fate] = await running.agent.disksAtStake(job("new"));
      expect(fate?.message).toContain('DISCARDS the disk of task "vm"');
      expect(fate?.message).toContain("its image is not what it was: ");
      await running.agent.registerJob(job("new"), null, {});
      await booted("one", 1);
      expect(events()).toContain("does not move along and stays in");
    },
  );

  test("is not said to stay when only a version in between, which never had it, had another image", async () => {
    await first();
    await run("one", { path: "/none.img", options: "", more: 'destination = "local/demo.img"\n mode = "file"' });
    await machineOf(running.agent, "ended", "one");
    expect(await running.agent.disksAtStake(jobOf("one", { config: changed }))).toEqual([]);
    await run("one", { config: changed });
    await booted("one", 2);
  });

  test("is told of before anything is registered, and nothing of one that goes on or that nobody wrote to", async () => {
    const old = await first();
    const { overlay } = diskFiles(dirsOf("one"));
    const stake = async (config: string) => await running.agent.disksAtStake(jobOf("one", { config }));
    expect(await stake("")).toEqual([]);
    expect(await stake(changed)).toEqual([
      {
        allocationId: old,
        task: "vm",
        message: `allocation ${old.slice(0, 8)} is stopped and replaced; its disk moves along`,
        discarded: null,
      },
    ]);
    const lost = { allocationId: old, discarded: { path: overlay, bytes: statSync(overlay).blocks * 512 } };
    expect(await stake('disk = "copy"')).toMatchObject([lost]);
    process.kill((await machineOf(running.agent, "running", "one")).identity.pid, "SIGKILL");
    writeFileSync(overlay, "no qcow2 any more", { flag: "r+" });
    await machineOf(running.agent, "ended", "one");
    expect(await stake(changed)).toEqual([]);
    const [ended] = await stake('disk = "copy"');
    expect(ended).toMatchObject({
      message: expect.stringContaining("has ended and is replaced, which DISCARDS"),
      ...lost,
    });
    await running.agent.deregisterJob("one", { purge: false });
    expect(await stake('disk = "copy"')).toEqual([]);
  });

  test("is left without a word of loss when its guest wrote nothing", async () => {
    await run("one", { config: 'args = ["-S"]' });
    await until("QEMU", async () => (await machineOf(running.agent, "running", "one")).guest === "prelaunch");
    const [fate] = await running.agent.disksAtStake(jobOf("one", { config: 'disk = "copy"' }));
    expect(fate).toMatchObject({ discarded: null });
    expect(fate?.message).toEndWith("is stopped and replaced; nothing was written to its disk");
  });

  test("is discarded when it is the very file that an artifact brought, and stays when it is the host's", async () => {
    const old = await first('disk = "direct"');
    const path = join(dirsOf("one").local, "demo.img");
    const [fate] = await running.agent.disksAtStake(jobOf("one", { config: `disk = "direct"\n ${changed}` }));
    expect(fate).toMatchObject({ allocationId: old, discarded: { path, bytes: null } });
    expect(fate?.message).toContain(`an image that was used in place does not move along; it stays in ${path}`);
    const image = writeDemoDisk(dir.path);
    await running.agent.registerJob(demoJob(image, { id: "host" }), null, {});
    await booted("host", 1);
    const [other] = await running.agent.disksAtStake(demoJob(image, { id: "host", config: changed }));
    expect(other).toMatchObject({ discarded: null });
    expect(other?.message).toContain(`is stopped and replaced; its disk stays what it is, ${image}`);
  });

  test("stays where it is when the job was stopped after its machine had failed", async () => {
    await first();
    const { overlay } = diskFiles(dirsOf("one"));
    writeFileSync(overlay, "no qcow2 any more", { flag: "r+" });
    process.kill((await machineOf(running.agent, "running", "one")).identity.pid, "SIGKILL");
    const { ending } = await machineOf(running.agent, "ended", "one");
    expect(ending.message).toContain("expected the overlay that paddock made");
    await running.agent.deregisterJob("one", { purge: false });
    await run("one");
    await until("a new allocation", () => running.agent.allocations({ jobId: "one" }).length === 2);
    await booted("one", 1);
    expect(newest("one")?.previousAllocation).toBeUndefined();
    expect(existsSync(overlay)).toBe(true);
  });

  test("stays where it is when the job was stopped: who runs it again begins anew", async () => {
    await first();
    const theirs = diskFiles(dirsOf("one")).overlay;
    await running.agent.deregisterJob("one", { purge: false });
    await machineOf(running.agent, "ended", "one");
    const hash = hashOf(theirs);
    await run("one");
    await until("a new allocation", () => running.agent.allocations({ jobId: "one" }).length === 2);
    await booted("one", 1);
    expect(hashOf(theirs)).toBe(hash);
  });
});
