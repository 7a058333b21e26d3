import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, linkSync, mkdirSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { type EntryKey, filesOf, formatKey } from "../../src/cache/key.ts";
import { removeEntrySync, setAside } from "../../src/cache/remove.ts";
import { putEntry } from "../helpers/cache.ts";
import { imagesOf } from "../helpers/cache-uses.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { allocation, RUNNING, taskRecord } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

let api: CliApi;
let cache: string;
beforeEach(() => {
  api = serveCliApi();
  cache = `${api.dir}/cache`;
  api.agent.images = imagesOf(api.dir, () => api.agent);
});
afterEach(() => api[Symbol.asyncDispose]());

const ALLOC = "6f1d9b52-0000-4000-8000-000000000001";

function use(key: EntryKey, jobId: string): void {
  api.agent.put({ allocation: allocation({ id: ALLOC, jobId, tasks: { vm: taskRecord(RUNNING) } }) });
  mkdirSync(`${api.dir}/alloc/${ALLOC}/vm`, { recursive: true });
  linkSync(filesOf(cache, key).content, `${api.dir}/alloc/${ALLOC}/vm/${key.hex.slice(0, 8)}`);
}

const put = (name: string, bytes: number): EntryKey =>
  putEntry(cache, Buffer.alloc(bytes, name), "sha256", { source: `https://mirror.example.org/images/${name}` });

/** The first digits, as a list shows them. */
const short = (key: EntryKey): string => formatKey(key).slice(0, 19);

describe("image ls", () => {
  test("of an empty cache says so", async () => {
    expect(await api.run(["image", "ls"])).toEqual({ code: 0, stdout: "", stderr: "the cache is empty\n" });
  });

  test("fits 80 columns, whatever jobs and sources are called", async () => {
    const used = put(`${"debian-12-generic-amd64-daily-".repeat(4)}.qcow2`, 4096);
    use(used, "a-job-with-a-name-that-is-longer-than-a-column");
    put("small.img", 100);
    const { code, stdout, stderr } = await api.run(["image", "ls"], { columns: 80 });
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    expect(lines[0]).toMatch(/^Checksum +Size +Used +In use by +Name$/);
    expect(stdout).toContain(`${short(used)}  4 KiB`);
    expect(stdout).toContain("a-job-with-a-na…");
    expect(stdout).toMatch(/ - {2,}small\.img$/m);
    expect(stderr).toMatch(/^2 images, \d+ KiB, 1 in use$/m);
  });

  test("-verbose shows everything in full", async () => {
    const key = put("a.img", 100);
    use(key, "web");
    const { stdout } = await api.run(["image", "ls", "-verbose"]);
    expect(stdout).toContain(formatKey(key));
    expect(stdout).toMatch(/web \(6f1d9b52\) +https:\/\/mirror\.example\.org\/images\/a\.img$/m);
  });

  test("says of what was fetched and does not unpack why, within 80 columns, and so does inspect, which exits with 1", async () => {
    const refused = `entry "${"deep/".repeat(20)}x": a device`;
    const source = "https://mirror.example.org/images/bomb.tar.gz";
    const key = putEntry(cache, Buffer.alloc(100), "sha256", { source, refused });
    const { stdout } = await api.run(["image", "ls"], { columns: 80 });
    expect(stdout).toMatch(/ bomb\.tar\.gz \(not unpacked: .*…$/m);
    expect(stdout.split("\n").filter((line) => [...line].length > 80)).toEqual([]);
    expect((await api.run(["image", "ls", "-verbose"])).stdout).toContain(`${source} (not unpacked: ${refused})\n`);
    const { code, stdout: inspected } = await api.run(["image", "inspect", short(key)]);
    expect(code).toBe(1);
    expect(inspected).toMatch(/^Not unpacked += entry "deep/m);
  });

  test("shows what is damaged, what was set aside, and escapes of a source", async () => {
    truncateSync(filesOf(cache, put("cut.img", 100)).content, 1);
    setAside(cache, put("aside.img", 100), Date.UTC(2026, 1, 3));
    putEntry(cache, Buffer.from("esc"), "sha256", { source: "evil\u001b[31m\u009b1m.img" });
    const { stdout } = await api.run(["image", "ls"], { columns: 80 });
    expect(stdout).toMatch(/- +- +damaged +its content has 1 bytes/);
    expect(stdout).toMatch(/^2026-02-03 .* +sha256-[0-9a-f]{33}$/m);
    expect(stdout).toContain("evil\\x1b[31m\\x9b1m.img");
    expect(stdout).not.toMatch(/[\u001b\u009b]/);
  });

  test("-json is what the API says", async () => {
    const key = put("a.img", 100);
    const { stdout } = await api.run(["image", "ls", "-json"]);
    expect(JSON.parse(stdout)).toMatchObject({ Images: [{ Checksum: formatKey(key), Bytes: 100 }], SetAside: [] });
  });
});

describe("a checksum's beginning names an image", () => {
  test("with or without its type, in any case", async () => {
    const key = put("a.img", 4096);
    for (const name of [short(key), key.hex.slice(0, 4), formatKey(key).toUpperCase().replace("SHA", "sha")]) {
      const { code, stdout } = await api.run(["image", "inspect", name], { columns: 80 });
      expect({ name, code }).toEqual({ name, code: 0 });
      expect(stdout).toContain(key.hex);
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).toMatch(/^For a job += yes$/m);
    }
  });

  test("unless a file is called so", async () => {
    const key = put("a.img", 4096);
    const name = `${api.dir}/${key.hex.slice(0, 4)}`;
    writeFileSync(name, "");
    expect((await api.run(["image", "inspect", name])).stdout).toContain("an empty file");
  });

  test("that several have is refused with their names", async () => {
    const keys = Array.from({ length: 17 }, (_, at) => put(`${at}.img`, 10));
    const first = new Map(keys.map((key) => [key.hex[0] ?? "", key]));
    const common = keys.find((key) => first.get(key.hex[0] ?? "") !== key)?.hex[0] ?? "";
    const { code, stderr } = await api.run(["image", "rm", common]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`several images begin with ${common}:\n  sha256:${common}`));
    expect(stderr).toContain("hint: write more of the checksum");
  });

  test.each([
    ["zzz", "expected the beginning of a checksum"],
    ["../paddock.db", "expected the beginning of a checksum"],
    ["sha256:", "expected the beginning of a checksum"],
    ["abcdef", "no image in the cache has a checksum that begins with abcdef"],
  ])("%s does not", async (name, message) => {
    const { code, stderr } = await api.run(["image", "rm", name]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  });
});

describe("image rm", () => {
  test("removes several, and none when one of them is misspelt", async () => {
    const [a, b] = [put("a.img", 10), put("b.img", 20)];
    expect((await api.run(["image", "rm", short(a), "0000000000"])).code).toBe(1);
    expect(existsSync(filesOf(cache, a).dir)).toBe(true);
    const { code, stdout } = await api.run(["image", "rm", short(a), b.hex, short(a)]);
    expect({ code, lines: stdout.trim().split("\n").length }).toEqual({ code: 0, lines: 2 });
    expect(existsSync(filesOf(cache, a).dir)).toBe(false);
  });

  test("says who uses an image, and removes the others all the same", async () => {
    const [used, free] = [put("a.img", 10), put("b.img", 20)];
    use(used, "web");
    const { code, stdout, stderr } = await api.run(["image", "rm", short(used), short(free)]);
    expect(code).toBe(1);
    expect(stdout).toStartWith(`removed ${short(free)}, `);
    expect(stderr).toContain(`${formatKey(used)} is in use by\n  allocation 6f1d9b52 of job "web"\n`);
    expect(existsSync(filesOf(cache, used).content)).toBe(true);
  });
});

describe("image prune", () => {
  test.each([
    [[], "expected -max-age, -max-size or -all"],
    [["-all", "-max-age", "1h"], "flags -all and -max-age: expected one of them, found both"],
    [["-max-age", "a week"], 'expected a duration such as 720h, found "a week"'],
    [["-max-age", "-1h"], 'expected a duration such as 720h, found "-1h"'],
    [["-max-age", "0"], "0 would remove everything that nobody uses\nhint: say -all for that"],
    [["-max-age", "1h", "-max-size", "0"], "flag -max-size: 0 would remove everything"],
    [["-max-size", "20 gallons"], 'expected a size such as 20GiB, found "20 gallons"'],
  ])("%p is refused", async (flags, message) => {
    const { code, stderr } = await api.run(["image", "prune", ...flags]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  });

  test("shows what would go, and removes it when it is not dry", async () => {
    const old = put("old.img", 8192);
    utimesSync(filesOf(cache, old).record, 1000, 1000);
    put("new.img", 10);
    const dry = await api.run(["image", "prune", "-max-age", "1h", "-dry-run"], { columns: 80 });
    expect(dry.stdout).toMatch(new RegExp(`^${short(old)}  8 KiB  +unused  old\\.img$`, "m"));
    expect(dry.stderr).toContain("would remove 1, ");
    expect(existsSync(filesOf(cache, old).dir)).toBe(true);
    expect((await api.run(["image", "prune", "-max-age", "1h"])).stderr).toContain("removed 1, ");
    expect(existsSync(filesOf(cache, old).dir)).toBe(false);
    expect((await api.run(["image", "prune", "-max-age", "1h"])).stderr).toContain("nothing to remove");
    expect((await api.run(["image", "prune", "-all"])).stderr).toContain("removed 1, ");
  });
});

describe("image verify", () => {
  test("reads every image and exits with 0 when all are right", async () => {
    const [a, b] = [put("a.img", 10), put("b.img", 20)].toSorted((x, y) => (x.hex < y.hex ? -1 : 1));
    const { code, stdout } = await api.run(["image", "verify"]);
    expect({ code, stdout: stdout.split("\n").map((line) => line.slice(0, 28)) }).toEqual({
      code: 0,
      stdout: [a, b].map((key) => `sound    ${key === undefined ? "" : short(key)}`).concat(""),
    });
  });

  test("sets a damaged one aside, says who uses it, goes on with the others and exits with 1", async () => {
    const [a, b] = [put("a.img", 10), put("b.img", 20)].toSorted((x, y) => (x.hex < y.hex ? -1 : 1));
    if (a === undefined || b === undefined) throw new Error("two were made");
    use(a, "web");
    const { content, record } = filesOf(cache, a);
    const { mtime } = JSON.parse(await Bun.file(record).text()) as { mtime: number };
    chmodSync(content, 0o644);
    writeFileSync(content, Buffer.alloc(statSync(content).size, "!"));
    utimesSync(content, mtime / 1000, mtime / 1000);
    const { code, stdout } = await api.run(["image", "verify"], { columns: 80 });
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^damaged  ${short(a)}  its content is sha256:`, "m"));
    expect(stdout).toMatch(/^ +in use by +web \(6f1d9b52\)$/m);
    expect(stdout).toMatch(new RegExp(`^sound    ${short(b)}  `, "m"));
    expect(existsSync(filesOf(cache, a).dir)).toBe(false);
  });

  test.each(["verify", "find"] as const)(
    "one that goes before the agent comes to %s is told as gone, and is no failure",
    async (step) => {
      const [a, b] = [put("a.img", 10), put("b.img", 20)].toSorted((x, y) => (x.hex < y.hex ? -1 : 1));
      if (a === undefined || b === undefined) throw new Error("two were made");
      const { verify, find } = api.agent.images;
      const going = (name: string, at: typeof step): void => {
        if (name === formatKey(a) && at === step) removeEntrySync(cache, a);
      };
      api.agent.images = {
        ...api.agent.images,
        verify: async (name, options) => {
          going(name, "verify");
          return await verify(name, options);
        },
        find: async (name) => {
          going(name, "find");
          return await find(name);
        },
      };
      const { code, stdout, stderr } = await api.run(["image", "verify"]);
      expect({ code, stdout: stdout.slice(0, 28) }).toEqual({ code: 0, stdout: `sound    ${short(b)}` });
      expect(stderr).toBe(`unknown  ${short(a)}  removed meanwhile\n`);
    },
  );

  test("-json is a list of what was found", async () => {
    const key = put("a.img", 10);
    const { stdout } = await api.run(["image", "verify", "-json"]);
    expect(JSON.parse(stdout)).toEqual([
      { Checksum: formatKey(key), Sound: true, Bytes: 10, Why: "", SetAside: null, Removed: false },
    ]);
  });

  test("Ctrl-C ends it with 130, and the agent stops reading", async () => {
    // A hole: it takes no room, and a minute to hash.
    const key = put("large.img", 0);
    const { content, record } = filesOf(cache, key);
    chmodSync(content, 0o644);
    truncateSync(content, 40 * 2 ** 30);
    const written = JSON.parse(await Bun.file(record).text()) as Record<string, unknown>;
    const { mtimeMs } = statSync(content);
    writeFileSync(record, JSON.stringify({ ...written, bytes: 40 * 2 ** 30, mtime: Math.floor(mtimeMs) }));
    let reading: AbortSignal | undefined;
    const { verify } = api.agent.images;
    let progressed = false;
    api.agent.images = {
      ...api.agent.images,
      verify: (name, options) => {
        reading = options.signal;
        const onProgress = (...told: Parameters<typeof options.onProgress>): void => {
          progressed = true;
          options.onProgress(...told);
        };
        return verify(name, { ...options, onProgress });
      },
    };
    const child = api.spawn(["image", "verify", short(key)]);
    await until("the reading to be under way", () => progressed);
    child.kill("SIGINT");
    expect(await child.ended()).toEqual({ code: 130, stderr: expect.any(String) });
    await until("the agent to give it up", () => reading?.aborted);
    expect(existsSync(content)).toBe(true);
  });
});
