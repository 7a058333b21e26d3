import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mtimeOf } from "../../src/cache/entry.ts";
import { filesOf } from "../../src/cache/key.ts";
import { runCopy } from "../../src/image/run-copy.ts";
import { diskFiles, taskDirs, unfinished } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { putEntry } from "../helpers/cache.ts";
import { demoJob, idOf, imagesDir, machineOf, messagesOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let fd: number | undefined;
afterEach(() => {
  if (fd !== undefined) closeSync(fd);
  fd = undefined;
});
const bed = agentPerTest(false);

const never = new AbortController().signal;

/** Opens a new image. */
function open(content: Uint8Array, path = bed.dir.file("image")): number {
  writeFileSync(path, content);
  fd = openSync(path, "r");
  return fd;
}

const opened = (path: string): string[] =>
  readdirSync("/proc/self/fd").filter((each) => {
    try {
      return readlinkSync(`/proc/self/fd/${each}`).startsWith(path);
    } catch {
      return false;
    }
  });

const copy = (from: number, more: Partial<Parameters<typeof runCopy>[2]> = {}, start?: () => Worker): Promise<void> =>
  runCopy(from, bed.dir.file("copy"), { size: 0, cache: bed.dir.file("cache"), signal: never, ...more }, start);

const why = (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => "copied",
    (error: unknown) => error,
  );

describe("an image is copied by a Worker", () => {
  test("as it is, with as many bytes as are wanted, and for nobody else to read", async () => {
    const bytes = Buffer.alloc((3 << 20) + 512, "abc");
    await copy(open(bytes), { size: 8 << 20 });
    expect(mtimeOf(statSync(bed.dir.file("copy")))).toBe(mtimeOf(statSync(bed.dir.file("image"))));
    const made = readFileSync(bed.dir.file("copy"));
    expect(made.subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(made.length).toBe(8 << 20);
    expect(statSync(bed.dir.file("copy")).mode & 0o777).toBe(0o600);
    expect(opened(bed.dir.file("copy"))).toEqual([]);
  });

  test("and what is cancelled leaves neither a file nor a descriptor", async () => {
    const reason = new Error("stopped");
    const from = open(Buffer.alloc(256 << 20, "x"));
    // A busy host may let the copy be over before this looks at it.
    await until("a copy to be cancelled in the middle", async () => {
      rmSync(bed.dir.file("copy"), { force: true });
      const stop = new AbortController();
      const copying = why(copy(from, { signal: stop.signal }));
      await until("the copy to begin", () => statSync(bed.dir.file("copy")).size > 0, { every: 1 });
      stop.abort(reason);
      return (await copying) === reason;
    });
    expect(existsSync(bed.dir.file("copy"))).toBe(false);
    expect(opened(bed.dir.file("copy"))).toEqual([]);
  });

  test("one that does not hear is cut off, and keeps its descriptors until it has ended", async () => {
    const stop = new AbortController();
    const deaf = (): Worker => new Worker(URL.createObjectURL(new Blob(["self.onmessage = () => undefined;"])));
    const copying = why(copy(open(Buffer.alloc(10)), { signal: stop.signal, graceMillis: 1 }, deaf));
    expect(opened(bed.dir.file("copy"))).toHaveLength(1);
    stop.abort(new Error("stopped"));
    expect(String(await copying)).toContain("stopped");
    expect(existsSync(bed.dir.file("copy"))).toBe(false);
    await until("the descriptors", () => opened(bed.dir.file("copy")).length === 0);
  });

  test("one that dies leaves nothing", async () => {
    const broken = (): Worker => new Worker(URL.createObjectURL(new Blob(["throw new Error('broken')"])));
    expect(String(await why(copy(open(Buffer.alloc(10)), {}, broken)))).toContain("the image could not be copied");
    expect(existsSync(bed.dir.file("copy"))).toBe(false);
    await until("the descriptors", () => opened(bed.dir.file("copy")).length === 0);
  });
});

describe.skipIf(process.getuid?.() !== 0)("without room for a copy", () => {
  const small = async (use: () => Promise<void>): Promise<void> => {
    const place = bed.dir.file("small");
    mkdirSync(place);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "none", place]);
    try {
      await use();
    } finally {
      execFileSync("umount", ["-l", place]);
    }
  };
  const cache = (): string => bed.dir.file("small", "cache");
  const path = (): string => bed.dir.file("small", "copy");
  const image = Buffer.alloc(6 << 20, "x");
  const put = (): string => filesOf(cache(), putEntry(cache(), Buffer.alloc(8 << 20, "y"))).content;
  const copyThere = (from: string | null = cache()): Promise<void> =>
    runCopy(open(image), path(), { size: image.length, cache: from, signal: never });

  test("an image of the cache that nobody uses makes way", async () => {
    await small(async () => {
      const content = put();
      await copyThere();
      expect(existsSync(content)).toBe(false);
      expect(readFileSync(path()).equals(image)).toBe(true);
    });
  });

  test("none does where nobody could fetch it again", async () => {
    await small(async () => {
      const content = put();
      expect(String(await why(copyThere(null)))).toContain("no space left to copy the image: needed 6 MiB, free");
      expect(existsSync(content)).toBe(true);
    });
  });

  test("one that somebody uses does not, and nothing of the copy is left", async () => {
    await small(async () => {
      const content = put();
      linkSync(content, bed.dir.file("small", "used"));
      expect(String(await why(copyThere()))).toContain("no space left to copy the image: needed 6 MiB, free");
      expect(existsSync(content)).toBe(true);
      expect(existsSync(path())).toBe(false);
    });
  });
});

test("a job that is stopped while its image is copied ends, and nothing half copied is a disk", async () => {
  await bed.start();
  const image = join(imagesDir(bed.dir.path), "large.img");
  writeFileSync(image, Buffer.alloc(256 << 20, "x"));
  const { agent } = bed;
  await agent.registerJob(demoJob(image, { config: 'disk = "copy"' }), null, {});
  const files = diskFiles(taskDirs(bed.dirs, idOf(agent), "vm"));
  await until("the copy to begin", () => statSync(unfinished(files.copy)).size > 0, { every: 1 });
  expect(messagesOf(agent)).toContain(`copying ${image} (raw, 256 MiB) to ${files.copy}`);
  await agent.deregisterJob("demo", { purge: false });
  await machineOf(agent, "ended", "demo");
  expect([files.copy, unfinished(files.copy), files.record].filter((each) => existsSync(each))).toEqual([]);
});
