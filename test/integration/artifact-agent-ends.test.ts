import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type AcquireOptions, acquire } from "../../src/artifact/acquire.ts";
import { LEAVE } from "../../src/artifact/download/download.ts";
import { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { namesIn } from "../../src/cache/entry.ts";
import { byCache, ONCE } from "../helpers/artifact.ts";
import { brokenDownloads, ETAG, FILE } from "../helpers/broken-download.ts";
import { type PlainReply, rangeReply, type SeenRequest } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";
import { until } from "../helpers/until.ts";

const { breakOff, each, expectNothingElse, get, left, plan, result, here } = brokenDownloads();

const parts = (): string[] => namesIn(join(here.cache, "parts"));
const cacheJournals = (): string[] => namesIn(here.cache).filter((name) => name.endsWith(".download"));

describe("a download that ends with its agent", () => {
  const slow = (request: SeenRequest): PlainReply =>
    rangeReply(request, FILE, { pace: { chunk: 64 << 10, every: 20 } });

  test("leaves what came when it is the agent that ends, and nothing when it is the job", async () => {
    each(slow);
    const cancel = async (reason?: unknown): Promise<void> => {
      const abort = new AbortController();
      const options: AcquireOptions = {
        ...{ signal: abort.signal, log: silentLog, retry: ONCE, ...byCache(here.dir.path) },
        onProgress: () => abort.abort(reason),
      };
      expect((await refusal(acquire(plan(), options))).message).toContain("cancelled");
    };
    await cancel(new AppError("unavailable", "the agent ends"));
    expect(left()).toEqual([]);
    expect(parts()).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.part$/)]);
    expect(cacheJournals()).toHaveLength(1);
    await cancel();
    expect(parts()).toEqual([]);
    expect(cacheJournals()).toEqual([]);
  });

  test("while what an earlier try left is read again, leaves that", async () => {
    await breakOff();
    const abort = new AbortController();
    abort.abort(LEAVE);
    await refusal(get({}, { signal: abort.signal }));
    expect(left()).toEqual(["a.img.part"]);
    await refusal(get({}, { signal: AbortSignal.abort() }));
    expect(left()).toEqual([]);
  });

  test("goes on after each of several kills at any moment", async () => {
    // Slow enough for a checkpoint a second to be worth something.
    const body = randomBytes(6 << 20);
    each((request) => rangeReply(request, { body, etag: ETAG }, { pace: { chunk: 32 << 10, every: 15 } }));
    const program = `
      const { acquire } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/artifact/acquire.ts"))});
      const { silentLog } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/base/log.ts"))});
      const signal = new AbortController().signal;
      const by = JSON.parse(process.argv[2]);
      await acquire(JSON.parse(process.argv[1]), { signal, onProgress: () => {}, log: silentLog, ...by });`;
    const start = () =>
      Bun.spawn([process.execPath, "-e", program, JSON.stringify(plan()), JSON.stringify(byCache(here.dir.path))], {
        cwd: here.dir.path,
        stdio: ["ignore", "ignore", "ignore"],
      });
    for (const more of [100_000, 700_000, 1_300_000]) {
      const child = start();
      await until("the first checkpoint", () => cacheJournals().length > 0);
      const before = here.origin.served();
      await until("some more of the file", () => here.origin.served() >= before + more);
      child.kill("SIGKILL");
      await child.exited;
      expect(left()).toEqual([]);
      expect(parts()).toHaveLength(1);
    }
    expect(await start().exited).toBe(0);
    expect(result().equals(body)).toBe(true);
    expect(here.origin.served()).toBeLessThan(2 * body.length);
    expect(here.origin.requests.at(-1)?.headers["range"]).toBeString();
    expectNothingElse();
    expect(parts()).toEqual([]);
    expect(cacheJournals()).toEqual([]);
  }, 120_000);
});
