import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setAside } from "../../src/cache/remove.ts";
import { DEMO_DISK_BYTES } from "../../src/guest/demo-image.ts";
import { diskFiles } from "../../src/paths.ts";
import { sha256 } from "../helpers/cache.ts";
import { DEMO_DISK_SHA256, demoDisk } from "../helpers/demo-disk.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { hashOf } from "../helpers/hash.ts";
import { idOf } from "../helpers/in-process-agent.ts";
import type { PlainReply } from "../helpers/origin.ts";

setDefaultTimeout(60_000);

const bench = fetchedDiskBench();
const { bed, booted, content, dirsOf, failure, filesOf, kill, messages, restart, run } = bench;

describe("an image that an artifact brings", () => {
  test("starts through an overlay over the cache's file; the second start fetches and copies nothing", async () => {
    await run("one");
    await booted(1, "one");
    await run("two");
    await booted(1, "two");
    expect(bench.origin.count("/demo.img")).toBe(1);
    const { ino } = statSync(content());
    for (const id of ["one", "two"]) {
      const { machine, local } = dirsOf(id);
      expect(statSync(join(local, "demo.img"))).toMatchObject({ ino, nlink: 5 });
      expect(statSync(diskFiles({ machine }).base).ino).toBe(ino);
      const plan = bed.agent.launchPlan(idOf(bed.agent, id), "vm");
      expect(plan.image).toMatchObject({
        path: diskFiles({ machine }).overlay,
        mode: "overlay",
        base: { path: diskFiles({ machine }).base, format: "raw" },
      });
    }
    await restart("one");
    await booted(2, "one");
    expect(hashOf(content())).toBe(DEMO_DISK_SHA256);
    expect(statSync(content()).mode & 0o777).toBe(0o444);
  });

  test("has its disk without the cache, and without the file in local/, which its machine may remove", async () => {
    await run("one");
    await booted(1, "one");
    rmSync(join(dirsOf("one").local, "demo.img"));
    rmSync(bed.dir.file("data", "cache"), { recursive: true });
    await bed.restart();
    await restart("one");
    await booted(2, "one");
    // And the next one fetches it again.
    await run("two");
    await booted(1, "two");
    expect(bench.origin.count("/demo.img")).toBe(2);
  });

  test("is unpacked once for all, and needs no checksum", async () => {
    for (const id of ["one", "two"]) {
      await run(id, { path: "/demo.img.gz", options: "" });
      await booted(1, id);
    }
    expect(bench.origin.requests.length).toBeGreaterThan(0);
    const [one, two] = ["one", "two"].map((id) => statSync(filesOf(id).base));
    expect(one?.ino).toBe(two?.ino as number);
    expect(one).toMatchObject({ nlink: 5, size: DEMO_DISK_BYTES });
  });

  test("is a file of its own with disk = direct, and a copy of the agent's with disk = copy", async () => {
    await run("direct", { config: 'disk = "direct"' });
    await booted(1, "direct");
    const own = join(dirsOf("direct").local, "demo.img");
    expect(statSync(own).nlink).toBe(1);
    await run("copied", { config: 'disk = "copy"\n disk_size = "4MiB"' });
    await booted(1, "copied");
    const { copy, overlay, base } = filesOf("copied");
    expect([statSync(copy).size, existsSync(overlay), existsSync(base)]).toEqual([4 << 20, false, false]);
    for (const id of ["direct", "copied"]) {
      await restart(id);
      await booted(2, id);
    }
    expect(hashOf(own)).not.toBe(DEMO_DISK_SHA256);
    expect(hashOf(content())).toBe(DEMO_DISK_SHA256);
  });

  test("grows by disk_size", async () => {
    await run("one", { config: 'disk_size = "5TiB"' });
    await booted(1, "one");
    expect(bed.agent.launchPlan(idOf(bed.agent, "one"), "vm").image?.size).toBe(5 * 2 ** 40);
    expect(messages("one")).toMatch(/the disk may grow to 5 TiB, and there are \S+ \w+ free where it lies/);
  });
});

test("a cache's file that somebody has written to is no base any more, for those that stand over it", async () => {
  await run("one");
  await booted(1, "one");
  const { machine } = dirsOf("one");
  Bun.spawnSync([
    "sh",
    "-c",
    `chmod u+w ${content()} && printf x | dd of=${content()} conv=notrunc bs=1 seek=700000 2>/dev/null`,
  ]);
  await kill("one");
  expect(await failure("one")).toContain(
    `${diskFiles({ machine }).base}, which is ${content()}, is not the image any more`,
  );
  await run("two");
  await booted(1, "two");
  expect(bench.origin.count("/demo.img")).toBe(2);
});

test("an image that is found damaged while another artifact comes is fetched again by the next start", async () => {
  await run("zero");
  await booted(1, "zero");
  let setAsides = 0;
  const answer = (): PlainReply => {
    if (!existsSync(join(dirsOf("one").local, "demo.img"))) return { kind: "status", status: 503 };
    if (setAsides++ === 0) setAside(bed.dir.file("data", "cache"), sha256(demoDisk()));
    return { kind: "bytes", body: "second" };
  };
  bench.origin.set("/second", { kind: "each", answer });
  await run("one", {
    more: `options {\n checksum = "sha256:${DEMO_DISK_SHA256}"\n }\n }\n artifact {\n source = "${bench.origin.url("/second")}"`,
    options: "",
  });
  await booted(1, "one");
  expect(bench.origin.count("/demo.img")).toBe(2);
  expect(messages("one")).toContain(`image_path "local/demo.img": what was fetched went from the cache: ${content()}`);
});

test("a disk starts over a base that came back from a backup", async () => {
  await run("one");
  await booted(1, "one");
  const { base } = filesOf("one");
  Bun.spawnSync(["sh", "-c", `cp -p ${base} ${base}.restored && mv ${base}.restored ${base}`]);
  await restart("one");
  await booted(2, "one");
});
