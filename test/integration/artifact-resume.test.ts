import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import {
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type AcquireOptions, acquire } from "../../src/artifact/acquire.ts";
import { type Acquired, type DownloadOptions, download, LEAVE } from "../../src/artifact/download.ts";
import { openDraft } from "../../src/artifact/draft.ts";
import { openFolder } from "../../src/artifact/folder.ts";
import { type ArtifactPlan, planArtifact } from "../../src/artifact/plan.ts";
import type { Retry, RetryRule } from "../../src/artifact/retry.ts";
import { versionOf } from "../../src/artifact/version.ts";
import { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { type TaskDirs, taskDirs } from "../../src/paths.ts";
import { startNginx } from "../helpers/nginx.ts";
import { type Origin, type PlainReply, rangeReply, type SeenRequest, startOrigin } from "../helpers/origin.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

const BODY = randomBytes(3 << 20);
const OTHER = randomBytes(3 << 20);
const ETAG = '"one"';
const FILE = { body: BODY, etag: ETAG };
const sha256 = (body: Uint8Array): string => `sha256:${createHash("sha256").update(body).digest("hex")}`;
/** A date that is long past for a server whose clock says `NOW`. */
const CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT";
const NOW = "Sun, 06 Nov 1994 09:00:00 GMT";

const ONCE: RetryRule = { tries: 1, firstMillis: 1, longestMillis: 1 };
const OFTEN: RetryRule = { tries: 4, firstMillis: 5, longestMillis: 10 };

let dir: TempDir;
let dirs: TaskDirs;
let origin: Origin;

beforeEach(async () => {
  dir = tempDir();
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
  mkdirSync(dirs.local, { recursive: true });
  origin = await startOrigin({});
});

afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

interface Wanted {
  readonly checksum?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function plan({ checksum, headers = {} }: Wanted = {}): ArtifactPlan {
  const options: Record<string, string> = checksum === undefined ? {} : { checksum };
  const source = origin.url("/a.img");
  return planArtifact({ source, destination: "local/", mode: "any", options, headers, insecure: false }, dirs);
}

async function get(wanted: Wanted = {}, options: Partial<DownloadOptions> = {}): Promise<Acquired> {
  const silent = { onProgress: () => undefined, onRetry: () => undefined };
  const signal = new AbortController().signal;
  return await download(plan(wanted), { signal, ...silent, stallMillis: 10_000, retry: ONCE, ...options });
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => new Error("expected an error, the artifact was acquired"),
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error;
  throw error;
}

const each = (answer: (request: SeenRequest, number: number) => PlainReply): void =>
  origin.set("/a.img", { kind: "each", answer });

const left = (): string[] => readdirSync(dirs.local).sort();
const journals = (): string[] => readdirSync(dirs.alloc).filter((name) => name.endsWith(".download"));
const result = (): Buffer => readFileSync(join(dirs.local, "a.img"));
const partPath = (): string => join(dirs.local, "a.img.part");
const journalPath = (): string => join(dirs.alloc, journals()[0] ?? "none");

/** A first try that breaks after a MiB and leaves what came, less what the runtime still held. @returns how much that is. */
async function breakOff(wanted: Wanted = {}, file: Parameters<typeof rangeReply>[1] = FILE): Promise<number> {
  each((request) => rangeReply(request, file, { send: 1 << 20 }));
  await failure(get(wanted));
  expect(left()).toEqual(["a.img.part"]);
  expect(journals()).toHaveLength(1);
  const { length } = readFileSync(partPath());
  expect(length).toBeWithin(1, (1 << 20) + 1);
  return length;
}

function expectNothingElse(): void {
  expect(left()).toEqual(["a.img"]);
  expect(journals()).toEqual([]);
}

describe("a broken download is taken up where it broke", () => {
  test("by the next try, when the server proves that it is the same file", async () => {
    const there = await breakOff();
    each((request) => rangeReply(request, FILE));
    const acquired = await get();
    expect(origin.requests.at(-1)?.headers).toMatchObject({ range: `bytes=${there}-`, "if-range": ETAG });
    expect(acquired).toMatchObject({ bytes: BODY.length, checksum: sha256(BODY), resumed: there, skipped: false });
    expect(result().equals(BODY)).toBe(true);
    expectNothingElse();
  });

  test("within one download, with a word about each time", async () => {
    each((request, number) => rangeReply(request, FILE, number < 3 ? { send: 1 << 20 } : {}));
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries).toHaveLength(2);
    expect(origin.requests.slice(1).map(({ headers }) => headers["range"])).toEqual(
      retries.map(({ bytes }) => `bytes=${bytes}-`),
    );
    expect(retries[0]?.message).toContain("the connection broke before the end of the reply");
    expect(origin.served()).toBeLessThan(BODY.length * 1.5);
    expect(result().equals(BODY)).toBe(true);
    expectNothingElse();
  });

  test("with a reset at any place", async () => {
    each((request, number) => {
      const send = (1 << 19) + ((number * 7919 * 4099) % (1 << 19));
      return rangeReply(request, FILE, { send, end: "reset", pace: { chunk: 32 << 10, every: 1 } });
    });
    // A count of tries never ends it while it gets on, however small the steps are against the file.
    await get({ checksum: sha256(BODY) }, { retry: { ...OFTEN, tries: 8 } });
    expect(origin.count("/a.img")).toBeGreaterThan(3);
    expect(result().equals(BODY)).toBe(true);
    expectNothingElse();
  });

  test("after a stall", async () => {
    each((request, number) => rangeReply(request, FILE, number === 1 ? { send: 1 << 20, end: "silence" } : {}));
    const retries: Retry[] = [];
    await get({}, { stallMillis: 200, retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ message }) => message)).toEqual([expect.stringContaining("no byte came for 0.2 s")]);
    expect(origin.served()).toBe(BODY.length);
    expect(result().equals(BODY)).toBe(true);
  });

  test("by a date that is old enough to be a proof, when the ETag is weak", async () => {
    const file = { body: BODY, etag: 'W/"one"', headers: { "last-modified": CHANGED, date: NOW } };
    const there = await breakOff({}, file);
    each((request) => rangeReply(request, file));
    expect((await get()).resumed).toBe(there);
    expect(origin.requests.at(-1)?.headers["if-range"]).toBe(CHANGED);
    expect(result().equals(BODY)).toBe(true);
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
    expect(origin.requests[1]?.headers["range"]).toMatch(/^bytes=\d+-$/);
    expect(result().equals(body)).toBe(true);
  });

  test("when it broke behind the last byte", async () => {
    await breakOff();
    // As a killed agent leaves it between the last checkpoint and the name.
    const journal = JSON.parse(readFileSync(journalPath(), "utf8"));
    writeFileSync(partPath(), BODY);
    const hex = createHash("sha256").update(BODY).digest("hex");
    writeFileSync(journalPath(), JSON.stringify({ ...journal, bytes: BODY.length, hex }));
    each((request) => rangeReply(request, FILE));
    const before = origin.served();
    expect((await get()).resumed).toBe(BODY.length);
    expect(origin.served()).toBe(before);
    expect(result().equals(BODY)).toBe(true);
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
    origin.set("/a.img", { kind: "redirect", to: other.url("/b") });
    await get({}, { retry: OFTEN });
    expect(other.requests.at(-1)?.headers["if-range"]).toBe(ETAG);
    expect(other.requests).toHaveLength(2);
    expect(other.served()).toBeLessThan(BODY.length * 1.5);
    expect(result().equals(BODY)).toBe(true);
  });
});

test("a real server takes what we ask it with", async () => {
  await using nginx = await startNginx();
  writeFileSync(join(nginx.root, "a.img"), BODY);
  const { headers } = await fetch(nginx.url("/a.img"), { method: "HEAD" });
  const source = nginx.url("/a.img");
  const real = planArtifact(
    { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false },
    dirs,
  );
  const leave = async (): Promise<void> => {
    const folder = openFolder(real.target.root, real.target.folders);
    const draft = await openDraft(real, folder, new AbortController().signal);
    await draft.startOver(versionOf(headers, BODY.length));
    draft.write(BODY.subarray(0, 1 << 20));
    await draft.close(true);
    folder.close();
  };
  const fetchRest = async (): Promise<Acquired> =>
    await acquire(real, { signal: new AbortController().signal, onProgress: () => undefined, log: silentLog });
  await leave();
  expect((await fetchRest()).resumed).toBe(1 << 20);
  expect(nginx.accessLog().at(-1)).toBe(`GET /a.img 206 ${2 << 20}`);
  expect(result().equals(BODY)).toBe(true);
  await leave();
  writeFileSync(join(nginx.root, "a.img"), OTHER.subarray(1));
  expect((await fetchRest()).resumed).toBe(0);
  expect(nginx.accessLog().at(-1)).toBe(`GET /a.img 200 ${OTHER.length - 1}`);
  expect(result().equals(OTHER.subarray(1))).toBe(true);
});

describe("what came before is dropped", () => {
  const wholeAgain = async (wanted: Wanted = {}, body = BODY): Promise<void> => {
    expect(await get(wanted)).toMatchObject({ resumed: 0, checksum: sha256(body), bytes: body.length });
    expect(result().equals(body)).toBe(true);
    expectNothingElse();
  };

  test("when the file has changed", async () => {
    await breakOff();
    each((request) => rangeReply(request, { body: OTHER, etag: '"two"' }));
    await wholeAgain({}, OTHER);
    expect(origin.count("/a.img")).toBe(2);
  });

  test("when it changed between two parts of one download", async () => {
    each((request, number) =>
      number === 1 ? rangeReply(request, FILE, { send: 1 << 20 }) : rangeReply(request, { body: OTHER, etag: '"two"' }),
    );
    expect((await get({}, { retry: OFTEN })).checksum).toBe(sha256(OTHER));
    expect(result().equals(OTHER)).toBe(true);
  });

  const liars: [string, (request: SeenRequest) => PlainReply][] = [
    [
      "another range",
      (request) => rangeReply(request, FILE, { headers: { "content-range": `bytes 0-9/${BODY.length}` } }),
    ],
    ["no range", (request) => rangeReply(request, FILE, { headers: { "content-range": null } })],
    ["a range that is none", (request) => rangeReply(request, FILE, { headers: { "content-range": "bytes x" } })],
    [
      "another size",
      (request) =>
        rangeReply(request, FILE, { headers: { "content-range": `bytes ${1 << 20}-${(3 << 20) - 1}/99999999` } }),
    ],
    ["another ETag", (request) => rangeReply(request, FILE, { headers: { etag: '"two"' } })],
    ["416", () => ({ kind: "status", status: 416 })],
  ];
  test.each(liars)("when the server answers with %s", async (_, answer) => {
    await breakOff();
    each((request) =>
      request.headers["range"] === undefined ? rangeReply(request, { body: OTHER, etag: '"two"' }) : answer(request),
    );
    await wholeAgain({}, OTHER);
    expect(origin.requests.at(-1)?.headers["range"]).toBeUndefined();
  });

  test("when the server knows no ranges", async () => {
    await breakOff();
    origin.set("/a.img", { kind: "bytes", body: BODY });
    await wholeAgain();
  });

  const unproved: [string, Readonly<Record<string, string>>][] = [
    ["nothing", {}],
    ["a weak ETag", { etag: 'W/"one"' }],
    ["a broken ETag", { etag: '"one' }],
    ["a date that is too young", { "last-modified": NOW, date: NOW }],
    ["a date without a clock", { "last-modified": CHANGED }],
    ["a word that it serves no ranges", { etag: ETAG, "accept-ranges": "none" }],
  ];
  test.each(unproved)("at once, when the server gave %s to tell the file by", async (_, headers) => {
    each(() => ({ kind: "raw", status: 200, headers, body: BODY, send: 1 << 20 }));
    await failure(get());
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
  });

  test("when another request brought it: other headers may bring another file", async () => {
    await breakOff({ headers: { "X-Tenant": "a" } });
    each((request) => rangeReply(request, { body: OTHER, etag: ETAG }));
    await wholeAgain({ headers: { "X-Tenant": "b" } }, OTHER);
    expect(origin.requests.at(-1)?.headers["range"]).toBeUndefined();
  });

  test("by a failure that a later try would meet again", async () => {
    await breakOff();
    each((request) => rangeReply(request, FILE));
    expect((await failure(get({ checksum: sha256(OTHER) }))).message).toContain("checksum of");
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
    await breakOff();
    origin.set("/a.img", { kind: "status", status: 404 });
    await failure(get());
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
  });

  test("when a longer file comes than was announced", async () => {
    const there = await breakOff();
    const more = Buffer.concat([BODY.subarray(there), Buffer.alloc(100)]);
    const body = Buffer.concat([Buffer.from(`${more.length.toString(16)}\r\n`), more, Buffer.from("\r\n0\r\n\r\n")]);
    const headers = { "content-length": null, "transfer-encoding": "chunked" };
    each((request) => rangeReply(request, FILE, { body, headers }));
    expect((await failure(get())).message).toContain(`expected ${BODY.length} bytes, got more`);
    expect(left()).toEqual([]);
  });
});

describe("what was left is believed only as far as it is proved", () => {
  const again = async (resumed: number): Promise<void> => {
    each((request) => rangeReply(request, FILE));
    expect((await get()).resumed).toBe(resumed);
    expect(result().equals(BODY)).toBe(true);
    expectNothingElse();
  };

  test("bytes behind those of the journal are not: they may not have reached the disk", async () => {
    const there = await breakOff();
    writeFileSync(partPath(), Buffer.concat([BODY.subarray(0, there), Buffer.alloc(BODY.length)]));
    await again(there);
  });

  test("a byte that changed makes it worthless", async () => {
    await breakOff();
    const part = readFileSync(partPath());
    part[100] = (part[100] ?? 0) ^ 1;
    writeFileSync(partPath(), part);
    await again(0);
  });

  test("so does a missing end", async () => {
    const there = await breakOff();
    writeFileSync(partPath(), BODY.subarray(0, there - 1));
    await again(0);
  });

  test.each(["", "{", "null", "[]", '{"format":1}', "x".repeat(20_000)])("and a journal like %p", async (text) => {
    await breakOff();
    writeFileSync(journalPath(), text.slice(0, 20_000));
    await again(0);
  });

  test("a journal with sizes that cannot be", async () => {
    for (const bytes of [-1, 0, 1.5, 1e300, "5", null]) {
      await breakOff();
      const journal = JSON.parse(readFileSync(journalPath(), "utf8"));
      writeFileSync(journalPath(), JSON.stringify({ ...journal, bytes }));
      await again(0);
      rmSync(join(dirs.local, "a.img"));
    }
  });

  test("a link in the part file's place is not followed", async () => {
    const there = await breakOff();
    renameSync(partPath(), dir.file("precious"));
    symlinkSync(dir.file("precious"), partPath());
    await again(0);
    expect(readFileSync(dir.file("precious")).length).toBe(there);
  });

  test("nor is a file written to that has another name too", async () => {
    const there = await breakOff();
    renameSync(partPath(), dir.file("precious"));
    linkSync(dir.file("precious"), partPath());
    await again(0);
    expect(readFileSync(dir.file("precious")).length).toBe(there);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "nor one that belongs to somebody else, who may still have it open",
    async () => {
      await breakOff();
      chownSync(partPath(), 65534, 65534);
      await again(0);
    },
  );
});

describe("a source that fails", () => {
  const retried: [string, PlainReply][] = [
    ["500", { kind: "status", status: 500 }],
    ["503", { kind: "status", status: 503 }],
    ["429", { kind: "status", status: 429 }],
    ["a hang-up", { kind: "hang-up" }],
  ];
  test.each(retried)("with %s is asked again, a few times", async (_, reply) => {
    each((request, number) => (number < 4 ? reply : rangeReply(request, { body: BODY })));
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ bytes }) => bytes)).toEqual([0, 0, 0]);
    origin.set("/a.img", reply);
    await failure(get({}, { retry: OFTEN }));
    expect(origin.count("/a.img")).toBe(8);
  });

  test.each([400, 401, 403, 404, 410, 206, 304])("with %d is not", async (status) => {
    origin.set("/a.img", { kind: "status", status });
    await failure(get({}, { retry: OFTEN }));
    expect(origin.count("/a.img")).toBe(1);
  });

  test("without getting on is given up, however much it sends each time", async () => {
    each(() => ({ kind: "raw", status: 200, headers: {}, body: BODY, send: 2 << 20 }));
    await failure(get({}, { retry: OFTEN }));
    expect(origin.count("/a.img")).toBe(OFTEN.tries);
  });

  test("and wants to be left alone is", async () => {
    each((request, number) =>
      number === 1
        ? { kind: "raw", status: 503, headers: { "retry-after": "1" }, body: Buffer.alloc(0) }
        : rangeReply(request, { body: BODY }),
    );
    const retries: Retry[] = [];
    await get({}, { retry: OFTEN, onRetry: (retry) => retries.push(retry) });
    expect(retries.map(({ millis }) => millis)).toEqual([1000]);
  });

  test("is not waited for by a download that was cancelled", async () => {
    origin.set("/a.img", { kind: "status", status: 503 });
    const cancel = new AbortController();
    const retry = { tries: 5, firstMillis: 3_600_000, longestMillis: 3_600_000 };
    const options = { signal: cancel.signal, onProgress: () => undefined, log: silentLog, retry };
    const error = await failure(acquire(plan(), { ...options, onRetry: () => cancel.abort() }));
    expect(error.message).toContain("cancelled");
    expect(left()).toEqual([]);
  });
});

describe("a download that ends with its agent", () => {
  const slow = (request: SeenRequest): PlainReply =>
    rangeReply(request, FILE, { pace: { chunk: 64 << 10, every: 20 } });

  test("leaves what came when it is the agent that ends, and nothing when it is the job", async () => {
    each(slow);
    const cancel = async (reason?: unknown): Promise<void> => {
      const abort = new AbortController();
      const options: AcquireOptions = {
        ...{ signal: abort.signal, log: silentLog, retry: ONCE },
        onProgress: () => abort.abort(reason),
      };
      expect((await failure(acquire(plan(), options))).message).toContain("cancelled");
    };
    await cancel(new AppError("unavailable", "the agent ends"));
    expect(left()).toEqual(["a.img.part"]);
    await cancel();
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
  });

  test("while what an earlier try left is read again, leaves that", async () => {
    await breakOff();
    const abort = new AbortController();
    abort.abort(LEAVE);
    await failure(get({}, { signal: abort.signal }));
    expect(left()).toEqual(["a.img.part"]);
    await failure(get({}, { signal: AbortSignal.abort() }));
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
      await acquire(JSON.parse(process.argv[1]), { signal, onProgress: () => {}, log: silentLog });`;
    const start = () =>
      Bun.spawn([process.execPath, "-e", program, JSON.stringify(plan())], {
        cwd: dir.path,
        stdio: ["ignore", "ignore", "ignore"],
      });
    for (const more of [100_000, 700_000, 1_300_000]) {
      const child = start();
      await until("the first checkpoint", () => journals().length > 0);
      const before = origin.served();
      await until("some more of the file", () => origin.served() >= before + more);
      child.kill("SIGKILL");
      await child.exited;
      expect(left()).toEqual(["a.img.part"]);
    }
    expect(await start().exited).toBe(0);
    expect(result().equals(body)).toBe(true);
    expect(origin.served()).toBeLessThan(2 * body.length);
    expect(origin.requests.at(-1)?.headers["range"]).toBeString();
    expectNothingElse();
  }, 30_000);
});
