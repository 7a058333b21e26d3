import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_DISK_SHA256 } from "../helpers/demo-disk.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { hashOf } from "../helpers/hash.ts";
import { idOf } from "../helpers/in-process-agent.ts";
import { TEMP_PREFIX } from "../helpers/temp.ts";

setDefaultTimeout(60_000);

/** A memory file system that most hosts have beside the one of their temporary files. */
const SHM = "/dev/shm";
const isApart = existsSync(SHM) && statSync(SHM).dev !== statSync(tmpdir()).dev;

const { bed, booted, dirsOf, filesOf, messages, restart, run } = fetchedDiskBench();
let apart: string | undefined;
afterEach(() => {
  if (apart !== undefined) rmSync(apart, { recursive: true });
  apart = undefined;
});

/** Puts the cache on another file system, where no file of an allocation can have a second name. */
async function moveCache(): Promise<void> {
  const place = mkdtempSync(join(SHM, TEMP_PREFIX));
  apart = place;
  const cache = bed.dir.file("data", "cache");
  await bed.restart(() => {
    rmSync(cache, { recursive: true, force: true });
    mkdirSync(join(cache, ".."), { recursive: true });
    symlinkSync(place, cache);
  });
}

describe.skipIf(!isApart)("an image of a cache that lies on another file system", () => {
  test("is a copy, over which the disk is made as over the cache's own", async () => {
    await moveCache();
    await run("one");
    await booted(1, "one");
    const { local } = dirsOf("one");
    const { base, overlay } = filesOf("one");
    expect(bed.agent.launchPlan(idOf(bed.agent, "one"), "vm").image).toMatchObject({
      path: overlay,
      mode: "overlay",
      base: { path: base },
    });
    rmSync(join(local, "demo.img"));
    await restart("one");
    await booted(2, "one");
    expect(hashOf(base)).toBe(DEMO_DISK_SHA256);
    expect(statSync(base).uid).toBe(process.getuid?.() ?? 0);
  });

  test("has a disk that moves along by the image's checksum", async () => {
    await moveCache();
    await run("one");
    await booted(1, "one");
    const old = filesOf("one").overlay;
    const { warnings } = await run("one", { config: 'args = ["-name", "changed"]' });
    expect(warnings.join("\n")).toContain("its disk moves along");
    await booted(2, "one");
    expect(filesOf("one").overlay).not.toBe(old);
    expect(messages("one")).toContain("it moved along from allocation");
    expect(JSON.parse(readFileSync(filesOf("one").record, "utf8")).origin.checksum).toBe(`sha256:${DEMO_DISK_SHA256}`);
  });
});
