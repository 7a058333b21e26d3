import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startCacheKeeper } from "../../src/agent/cache-keeper.ts";
import { silentLog } from "../../src/base/log.ts";
import { lookUp } from "../../src/cache/entry.ts";
import { artifactBench, BODY } from "../helpers/artifact.ts";
import { sha256 } from "../helpers/cache.ts";
import { manualClock } from "../helpers/manual-clock.ts";
import { runProgram } from "../helpers/run.ts";
import { until } from "../helpers/until.ts";

const here = artifactBench();

describe("on a disk without room for two", () => {
  const small = ["unshare", "--user", "--map-root-user", "--mount"] as const;
  // Containers often forbid user namespaces; then there is no small disk to fill.
  const mayMount = Bun.spawnSync([...small, "mount", "-t", "tmpfs", "none", "/mnt"]).success;
  const FIVE = Buffer.alloc(5 << 20, "x");
  interface Fate {
    readonly message: string;
    readonly kept: boolean;
    readonly local: readonly string[];
    readonly parts: readonly string[];
  }
  const crowd = async (
    size: string,
    first: "used" | "unused",
    how: "own" | "link" | "unpacked",
    site = "",
  ): Promise<Fate> => {
    const mount = `mount -t tmpfs -o size=${size} none "$0" && exec "$1" "$2" "$3" "$0" "$4" "$5" "$6"`;
    const script = join(import.meta.dirname, "artifact", "crowded-disk.ts");
    const { stdout } = await runProgram(
      [...small, "sh", "-c", mount, here.dir.path, process.execPath, script, here.origin.url(""), first, how, site],
      { cwd: here.dir.path },
    );
    return JSON.parse(stdout) as Fate;
  };
  const serve = (): void => {
    here.origin.set("/a", { kind: "bytes", body: FIVE });
    here.origin.set("/b", { kind: "bytes", body: Buffer.alloc(5 << 20, "y") });
  };

  test.skipIf(!mayMount)("what nobody uses makes way for a download", async () => {
    serve();
    expect(await crowd("8m", "unused", "link")).toEqual({ message: "", kept: false, local: ["b"], parts: [] });
  });

  test.skipIf(!mayMount)("what a machine uses does not", async () => {
    serve();
    const { message, kept, local, parts } = await crowd("8m", "used", "link");
    expect(message).toContain("no space left on the disk: needed 5 MiB");
    expect({ kept, local, parts }).toEqual({ kept: true, local: ["a"], parts: [] });
  });

  test.skipIf(!mayMount)("what nobody uses makes way for a copy, but not what is copied", async () => {
    serve();
    expect(await crowd("12m", "unused", "own")).toEqual({ message: "", kept: false, local: ["b"], parts: [] });
    const { message, local } = await crowd("8m", "unused", "own");
    expect(message).toContain("local/b.part: no space left on the disk: needed 5 MiB");
    expect(local).toEqual([]);
  });

  test.skipIf(!mayMount)("what nobody uses makes way for what comes out of an archive", async () => {
    serve();
    here.origin.set("/b", { kind: "bytes", body: gzipSync(Buffer.alloc(5 << 20, "y")) });
    expect(await crowd("8m", "unused", "unpacked")).toEqual({ message: "", kept: false, local: ["b"], parts: [] });
  });

  test.skipIf(!mayMount)("nothing makes way without a network: nobody could fetch it again", async () => {
    serve();
    const copied = await crowd("12m", "unused", "own", "offline");
    expect(copied).toMatchObject({ message: expect.stringContaining("no space left on the disk"), kept: true });
    here.origin.set("/b", { kind: "bytes", body: gzipSync(Buffer.alloc(5 << 20, "y")) });
    const unpacked = await crowd("8m", "unused", "unpacked", "offline");
    expect(unpacked).toMatchObject({ message: expect.stringContaining("no space left"), kept: true, local: [] });
  });
});

test("a cache is looked at when the agent starts, when it has grown, and once an hour", async () => {
  const clock = manualClock();
  const key = sha256(BODY);
  const kind = (): string => lookUp(here.cache, key).kind;
  const fetchIt = async (): Promise<void> => {
    const { path } = await here.getByWorker(here.origin.url("/a.img"));
    rmSync(path);
  };
  await fetchIt();
  const limits = { maxBytes: 1, maxAgeMillis: 0 };
  const keeper = startCacheKeeper({ cache: here.cache, limits, clock, log: silentLog });
  await until("the first look", () => kind() === "absent");
  await fetchIt();
  keeper.grown();
  await until("the second look", () => kind() === "absent");
  await fetchIt();
  clock.advance(3_600_000);
  await until("the third look", () => kind() === "absent");
  keeper.close();
  await fetchIt();
  keeper.grown();
  clock.advance(7_200_000);
  expect(kind()).toBe("there");
  expect(existsSync(join(here.cache, "parts"))).toBe(true);
});
