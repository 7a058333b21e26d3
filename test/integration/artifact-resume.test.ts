import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Acquired } from "../../src/artifact/download/download.ts";
import { openDraft } from "../../src/artifact/download/draft.ts";
import type { Retry } from "../../src/artifact/download/retry.ts";
import { openFolder } from "../../src/artifact/folder.ts";
import { planArtifact } from "../../src/artifact/plan.ts";
import { versionOf } from "../../src/artifact/source/version.ts";
import { sum } from "../helpers/artifact.ts";
import { brokenDownloads, CHANGED, ETAG, FILE, IMAGE, NOW, OFTEN, OTHER } from "../helpers/broken-download.ts";
import { hexOf } from "../helpers/hash.ts";
import { startNginx } from "../helpers/nginx.ts";
import { type PlainReply, rangeReply, type SeenRequest, startOrigin } from "../helpers/origin.ts";

const { breakOff, each, expectNothingElse, get, journalPath, partPath, result, here } = brokenDownloads();

describe("a broken download is taken up where it broke", () => {
  test("by the next try, when the server proves that it is the same file", async () => {
    const there = await breakOff();
    each((request) => rangeReply(request, FILE));
    const acquired = await get();
    expect(here.origin.requests.at(-1)?.headers).toMatchObject({ range: `bytes=${there}-`, "if-range": ETAG });
    expect(acquired).toMatchObject({
      bytes: IMAGE.length,
      checksum: sum("sha256", IMAGE),
      resumed: there,
      skipped: false,
    });
    expect(result().equals(IMAGE)).toBe(true);
    expectNothingElse();
  });

  test("within one download, with a word about each time", async () => {
    each((request, number) => rangeReply(request, FILE, number < 3 ? { send: 1 << 20 } : {}));
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries).toHaveLength(2);
    expect(here.origin.requests.slice(1).map(({ headers }) => headers["range"])).toEqual(
      retries.map(({ bytes }) => `bytes=${bytes}-`),
    );
    expect(retries[0]?.message).toContain("the connection broke before the end of the reply");
    expect(here.origin.served()).toBeLessThan(IMAGE.length * 1.5);
    expect(result().equals(IMAGE)).toBe(true);
    expectNothingElse();
  });

  test("with a reset at any place", async () => {
    each((request, number) => {
      const send = (1 << 19) + ((number * 7919 * 4099) % (1 << 19));
      return rangeReply(request, FILE, { send, end: "reset", pace: { chunk: 32 << 10, every: 1 } });
    });
    // A count of tries never ends it while it gets on, however small the steps are against the file.
    await get({ checksum: sum("sha256", IMAGE) }, { retry: { ...OFTEN, tries: 8 } });
    expect(here.origin.count("/a.img")).toBeGreaterThan(3);
    expect(result().equals(IMAGE)).toBe(true);
    expectNothingElse();
  });

  test("after a stall", async () => {
    each((request, number) => rangeReply(request, FILE, number === 1 ? { send: 1 << 20, end: "silence" } : {}));
    const retries: Retry[] = [];
    await get({}, { stallMillis: 200, retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ message }) => message)).toEqual([expect.stringContaining("no byte came for 0.2 s")]);
    expect(here.origin.served()).toBe(IMAGE.length);
    expect(result().equals(IMAGE)).toBe(true);
  });

  test("by a date that is old enough to be a proof, when the ETag is weak", async () => {
    const file = { body: IMAGE, etag: 'W/"one"', headers: { "last-modified": CHANGED, date: NOW } };
    const there = await breakOff({}, file);
    each((request) => rangeReply(request, file));
    expect((await get()).resumed).toBe(there);
    expect(here.origin.requests.at(-1)?.headers["if-range"]).toBe(CHANGED);
    expect(result().equals(IMAGE)).toBe(true);
  });

  test("when the first reply did not say how long the file is", async () => {
    const chunked = `100000\r\n${"x".repeat(1 << 20)}\r\n`;
    const body = Buffer.from("x".repeat(3 << 20));
    each((request, number) =>
      number === 1
        ? {
            ...{ kind: "raw", status: 200, body: Buffer.from(chunked) },
            headers: { etag: ETAG, "content-length": null, "transfer-encoding": "chunked" },
          }
        : rangeReply(request, { body, etag: ETAG }),
    );
    expect((await get({}, { retry: OFTEN })).bytes).toBe(body.length);
    expect(here.origin.requests[1]?.headers["range"]).toMatch(/^bytes=\d+-$/);
    expect(result().equals(body)).toBe(true);
  });

  test("when it broke behind the last byte", async () => {
    await breakOff();
    // As a killed agent leaves it between the last checkpoint and the name.
    const journal = JSON.parse(readFileSync(journalPath(), "utf8"));
    writeFileSync(partPath(), IMAGE);
    const hex = hexOf(IMAGE);
    writeFileSync(journalPath(), JSON.stringify({ ...journal, bytes: IMAGE.length, hex }));
    each((request) => rangeReply(request, FILE));
    const before = here.origin.served();
    expect((await get()).resumed).toBe(IMAGE.length);
    expect(here.origin.served()).toBe(before);
    expect(result().equals(IMAGE)).toBe(true);
    expectNothingElse();
  });

  test("behind a redirect to another host, which is asked for the rest too", async () => {
    await using other = await startOrigin({});
    let broken = false;
    const answer = (request: SeenRequest): PlainReply => {
      const more = broken ? {} : { send: 1 << 20 };
      broken = true;
      return rangeReply(request, FILE, more);
    };
    other.set("/b", { kind: "each", answer });
    here.origin.set("/a.img", { kind: "redirect", to: other.url("/b") });
    await get({}, { retry: OFTEN });
    expect(other.requests.at(-1)?.headers["if-range"]).toBe(ETAG);
    expect(other.requests).toHaveLength(2);
    expect(other.served()).toBeLessThan(IMAGE.length * 1.5);
    expect(result().equals(IMAGE)).toBe(true);
  });
});

test("a real server takes what we ask it with", async () => {
  await using nginx = await startNginx();
  writeFileSync(join(nginx.root, "a.img"), IMAGE);
  const { headers } = await fetch(nginx.url("/a.img"), { method: "HEAD" });
  const source = nginx.url("/a.img");
  const real = planArtifact(
    { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
    here.dirs,
  );
  const leave = async (): Promise<void> => {
    const folder = openFolder(real.target.root, real.target.folders);
    const draft = await openDraft(real, folder, new AbortController().signal);
    await draft.startOver(versionOf(headers, IMAGE.length));
    draft.write(IMAGE.subarray(0, 1 << 20));
    await draft.close(true);
    folder.close();
  };
  const fetchRest = async (): Promise<Acquired> => await here.get(source);
  await leave();
  expect((await fetchRest()).resumed).toBe(1 << 20);
  expect(nginx.accessLog().at(-1)).toBe(`GET /a.img 206 ${2 << 20}`);
  expect(result().equals(IMAGE)).toBe(true);
  await leave();
  writeFileSync(join(nginx.root, "a.img"), OTHER.subarray(1));
  expect((await fetchRest()).resumed).toBe(0);
  expect(nginx.accessLog().at(-1)).toBe(`GET /a.img 200 ${OTHER.length - 1}`);
  expect(result().equals(OTHER.subarray(1))).toBe(true);
});
