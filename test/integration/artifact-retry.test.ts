import { describe, expect, test } from "bun:test";
import { acquire } from "../../src/artifact/acquire.ts";
import type { Retry } from "../../src/artifact/download/retry.ts";
import { silentLog } from "../../src/base/log.ts";
import { byCache } from "../helpers/artifact.ts";
import { brokenDownloads, IMAGE, OFTEN } from "../helpers/broken-download.ts";
import { type PlainReply, rangeReply } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";

const { each, get, left, plan, here } = brokenDownloads();

describe("a source that fails", () => {
  const retried: [string, PlainReply][] = [
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "status", status: 503 }],
    ["429", { kind: "status", status: 429 }],
    ["a hang-up", { kind: "hang-up" }],
  ];
  test.each(retried)("with %s is asked again, a few times", async (_, reply) => {
    each((request, number) => (number < 4 ? reply : rangeReply(request, { body: IMAGE })));
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ bytes }) => bytes)).toEqual([0, 0, 0]);
    here.origin.set("/a.img", reply);
    await refusal(get({}, { retry: OFTEN }));
    expect(here.origin.count("/a.img")).toBe(8);
  });

  test.each([400, 401, 403, 404, 410, 206, 304])("with %d is not", async (status) => {
    here.origin.set("/a.img", { kind: "status", status });
    await refusal(get({}, { retry: OFTEN }));
    expect(here.origin.count("/a.img")).toBe(1);
  });

  test("without getting on is given up, however much it sends each time", async () => {
    each(() => ({ kind: "raw", status: 200, headers: {}, body: IMAGE, send: 2 << 20 }));
    await refusal(get({}, { retry: OFTEN }));
    expect(here.origin.count("/a.img")).toBe(OFTEN.tries);
  });

  test("and wants to be left alone is", async () => {
    each((request, number) =>
      number === 1
        ? { kind: "raw", status: 503, headers: { "retry-after": "1" }, body: Buffer.alloc(0) }
        : rangeReply(request, { body: IMAGE }),
    );
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ millis }) => millis)).toEqual([1000]);
  });

  test("is not waited for by a download that was cancelled", async () => {
    here.origin.set("/a.img", { kind: "status", status: 503 });
    const cancel = new AbortController();
    const retry = { tries: 5, firstMillis: 3_600_000, longestMillis: 3_600_000 };
    const options = {
      signal: cancel.signal,
      onProgress: () => undefined,
      log: silentLog,
      retry,
      ...byCache(here.dir.path),
    };
    const error = await refusal(acquire(plan(), { ...options, onRetry: () => cancel.abort() }));
    expect(error.message).toContain("cancelled");
    expect(left()).toEqual([]);
  });
});
