import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type AcquireOptions, acquire } from "../../src/artifact/acquire.ts";
import { type Acquired, type DownloadOptions, download } from "../../src/artifact/download.ts";
import { type ArtifactPlan, planArtifact } from "../../src/artifact/plan.ts";
import type { Progress } from "../../src/artifact/progress.ts";
import type { RetryRule } from "../../src/artifact/retry.ts";
import { AppError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Artifact } from "../../src/job/job.ts";
import { type TaskDirs, taskDirs } from "../../src/paths.ts";
import { type Origin, type Reply, startOrigin } from "../helpers/origin.ts";
import { runProgram } from "../helpers/run.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";

const BODY = Buffer.from("0123456789".repeat(10_000));
const sum = (type: string, body: Uint8Array = BODY): string => `${type}:${createHash(type).update(body).digest("hex")}`;

/** A download that asks its source once. */
const ONCE: RetryRule = { tries: 1, firstMillis: 1, longestMillis: 1 };

let dir: TempDir;
let dirs: TaskDirs;
let origin: Origin;

beforeEach(async () => {
  dir = tempDir();
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
  mkdirSync(dirs.local, { recursive: true });
  origin = await startOrigin({ "/a.img": { kind: "bytes", body: BODY } });
});

afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

type Wanted = Partial<Artifact> & { readonly checksum?: string };

function plan(source: string, { checksum, ...rest }: Wanted): ArtifactPlan {
  const options: Record<string, string> = checksum === undefined ? {} : { checksum };
  const plain = { destination: "local/", mode: "any", options, headers: {}, insecure: false } as const;
  return planArtifact({ source, ...plain, ...rest }, dirs);
}

/** A download in this thread: what the Worker runs. */
async function get(source: string, wanted: Wanted = {}, options: Partial<DownloadOptions> = {}): Promise<Acquired> {
  const signal = new AbortController().signal;
  const silent = { onProgress: () => undefined, onRetry: () => undefined };
  return await download(plan(source, wanted), { signal, ...silent, stallMillis: 10_000, retry: ONCE, ...options });
}

/** A download in a Worker, as the agent does it. */
async function getByWorker(
  source: string,
  wanted: Wanted = {},
  options: Partial<AcquireOptions> = {},
  start?: () => Worker,
): Promise<Acquired> {
  const defaults = {
    signal: new AbortController().signal,
    onProgress: () => undefined,
    log: silentLog,
    retry: ONCE,
  };
  return await acquire(plan(source, wanted), { ...defaults, ...options }, start);
}

async function failure(promise: Promise<Acquired>): Promise<AppError> {
  const error = await promise.then(
    () => new Error("expected an error, the artifact was acquired"),
    (caught: unknown) => caught,
  );
  if (error instanceof AppError) return error;
  throw error;
}

/** Expects that a download fails with `message` and leaves the destination directory as it was. */
async function expectFailure(promise: Promise<Acquired>, message: string): Promise<AppError> {
  const error = await failure(promise);
  expect(error.message).toContain(message);
  expect(error.code).toBe("fetch");
  expect(readdirSync(dirs.local)).toEqual([]);
  return error;
}

/** A server that answers every request with these bytes and closes; `hold` keeps the connection open instead. */
async function startRaw(reply: string, hold = false): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => (hold ? socket.write(reply) : socket.end(reply)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.img`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe("a download", () => {
  test.each(["md5", "sha1", "sha256", "sha512"])("with a right %s checksum gets its name", async (type) => {
    const acquired = await getByWorker(origin.url("/a.img"), { checksum: sum(type) });
    expect(acquired).toMatchObject({
      path: join(dirs.local, "a.img"),
      bytes: 100_000,
      checksum: sum(type),
      skipped: false,
    });
    expect(readFileSync(acquired.path).equals(BODY)).toBe(true);
    expect(readdirSync(dirs.local)).toEqual(["a.img"]);
    expect(statSync(acquired.path).mode & 0o777).toBe(0o644);
  });

  test("without a checksum is hashed all the same", async () => {
    expect((await get(origin.url("/a.img"))).checksum).toBe(sum("sha256"));
  });

  test("makes the directories of its destination", async () => {
    const acquired = await get(origin.url("/a.img"), { destination: "local/x/y/disk.img", mode: "file" });
    expect(readFileSync(join(dirs.local, "x/y/disk.img")).equals(BODY)).toBe(true);
    expect(acquired.path).toBe(join(dirs.local, "x/y/disk.img"));
  });

  test("of a file without bytes is a file without bytes", async () => {
    origin.set("/empty", { kind: "bytes", body: "" });
    expect((await get(origin.url("/empty"))).bytes).toBe(0);
    expect(statSync(join(dirs.local, "empty")).size).toBe(0);
  });

  test.each([
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    ["of unknown length", "HTTP/1.1 200 OK\r\n\r\nhello"],
    ["labelled as identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"],
    ["with more bytes behind its end", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world"],
  ])("%s arrives whole", async (_, reply) => {
    await using server = await startRaw(reply);
    const acquired = await get(server.url, { checksum: sum("md5", Buffer.from("hello")) });
    expect(readFileSync(acquired.path, "utf8")).toBe("hello");
  });

  test("asks for the bytes as they are, with the job's headers, and without go-getter's parameters", async () => {
    origin.set("/a.img?k=v", { kind: "bytes", body: BODY });
    await get(`${origin.url("/a.img?k=v")}&checksum=${sum("md5")}`, { headers: { "X-Token": "t" } });
    expect(origin.requests).toHaveLength(1);
    expect(origin.requests[0]).toMatchObject({
      method: "GET",
      path: "/a.img?k=v",
      headers: { "x-token": "t", "accept-encoding": "identity" },
    });
  });

  test("sends user info as Basic authorization", async () => {
    await get(origin.url("/a.img").replace("//", "//me:pw@"));
    expect(origin.requests[0]?.headers["authorization"]).toBe(`Basic ${btoa("me:pw")}`);
  });

  test("tells how far it is, and at its end all of it", async () => {
    const seen: Progress[] = [];
    origin.set("/slow", { kind: "slow", body: BODY, chunk: 10_000, every: 60 });
    await get(origin.url("/slow"), {}, { onProgress: (progress) => seen.push(progress) });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toMatchObject({ bytes: 100_000, total: 100_000 });
    expect(seen.every(({ bytes }, index) => index === 0 || bytes >= (seen[index - 1]?.bytes ?? 0))).toBe(true);
    expect(seen.at(-1)?.rate).toBeGreaterThan(0);
  });

  test("that is slow but alive finishes, however long the whole takes", async () => {
    origin.set("/slow", { kind: "slow", body: BODY, chunk: 10_000, every: 60 });
    expect((await get(origin.url("/slow"), {}, { stallMillis: 400 })).bytes).toBe(100_000);
  });

  test("replaces a stale part file and a link in its place", async () => {
    writeFileSync(dir.file("victim"), "precious");
    symlinkSync(dir.file("victim"), join(dirs.local, "a.img.part"));
    await get(origin.url("/a.img"));
    expect(readFileSync(dir.file("victim"), "utf8")).toBe("precious");
    expect(readdirSync(dirs.local)).toEqual(["a.img"]);
  });
});

describe("a destination that is there", () => {
  test("with the right checksum is not fetched again", async () => {
    writeFileSync(join(dirs.local, "a.img"), BODY);
    const acquired = await get(origin.url("/a.img"), { checksum: sum("sha256") });
    expect(acquired).toMatchObject({ skipped: true, bytes: 100_000, checksum: sum("sha256") });
    expect(origin.requests).toHaveLength(0);
  });

  test("with a wrong checksum is replaced", async () => {
    writeFileSync(join(dirs.local, "a.img"), "old");
    expect((await get(origin.url("/a.img"), { checksum: sum("sha256") })).skipped).toBe(false);
    expect(readFileSync(join(dirs.local, "a.img")).equals(BODY)).toBe(true);
  });

  test("stays as it was when its replacement fails", async () => {
    writeFileSync(join(dirs.local, "a.img"), "old");
    await failure(get(origin.url("/a.img"), { checksum: sum("sha256", Buffer.from("x")) }));
    expect(readFileSync(join(dirs.local, "a.img"), "utf8")).toBe("old");
    expect(readdirSync(dirs.local)).toEqual(["a.img"]);
  });

  test("but is a directory or a link is refused before anything is fetched", async () => {
    mkdirSync(join(dirs.local, "a.img"));
    expect((await failure(get(origin.url("/a.img")))).message).toContain(
      "a.img: expected a file or nothing, found a directory",
    );
    symlinkSync("/etc/hostname", join(dirs.local, "link"));
    expect((await failure(get(origin.url("/a.img?filename=link")))).message).toContain("found a symbolic link");
    expect(origin.requests).toHaveLength(0);
  });
});

describe("a destination is not reached through a link", () => {
  test("to the outside", async () => {
    mkdirSync(dir.file("outside"));
    symlinkSync(dir.file("outside"), join(dirs.task, "out"));
    const error = await failure(get(origin.url("/a.img"), { destination: "out/deeper" }));
    expect(error.message).toContain(`${join(dirs.task, "out")}: expected a directory, found a symbolic link`);
    expect(readdirSync(dir.file("outside"))).toEqual([]);
  });

  test("that is the task directory itself", async () => {
    const other = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "linked");
    mkdirSync(dir.file("outside"));
    symlinkSync(dir.file("outside"), other.task);
    const artifact: Artifact = {
      ...{ source: origin.url("/a.img"), destination: "local/", mode: "any" },
      ...{ options: {}, headers: {}, insecure: false },
    };
    const options = { signal: new AbortController().signal, onProgress: () => undefined, log: silentLog };
    expect((await failure(acquire(planArtifact(artifact, other), options))).message).toContain("found a symbolic link");
    expect(readdirSync(dir.file("outside"))).toEqual([]);
  });
});

describe("what fails leaves nothing and says what was expected and found", () => {
  test("a wrong checksum", async () => {
    const wrong = sum("sha256", Buffer.from("x"));
    const error = await expectFailure(get(origin.url("/a.img"), { checksum: wrong }), "checksum of 100000 bytes");
    expect(error.message).toContain(`expected ${wrong}, got ${sum("sha256")}`);
    expect(error.message).toStartWith(`artifact ${origin.url("/a.img")}: `);
    expect(error.hint).toBeString();
  });

  test.each([
    [404, "expected status 200, found 404 Not Found"],
    [401, "expected status 200, found 401 Unauthorized"],
    [500, "expected status 200, found 500 Internal Server Error"],
    [206, "expected status 200, found 206 Partial Content"],
    [204, "expected status 200, found 204 No Content"],
    [304, "expected status 200, found 304 Not Modified"],
  ])("status %d", async (status, message) => {
    origin.set("/x", { kind: "status", status });
    await expectFailure(get(origin.url("/x")), message);
  });

  const broken: [string, Reply][] = [
    ["a body that breaks off", { kind: "short", body: BODY, send: 50_000 }],
    ["a body that breaks off before its first byte", { kind: "short", body: BODY, send: 0 }],
    ["a server that hangs up", { kind: "hang-up" }],
  ];
  test.each(broken)("%s", async (_, reply) => {
    origin.set("/x", reply);
    await expectFailure(get(origin.url("/x")), "the connection broke before the end of the reply");
  });

  test.each([
    ["chunks without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["a chunk that breaks off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello"],
  ])("%s", async (_, reply) => {
    await using server = await startRaw(reply);
    await expectFailure(get(server.url), "the connection broke before the end of the reply");
  });

  test("contradicting lengths", async () => {
    await using server = await startRaw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello");
    await expectFailure(get(server.url), "the server sent contradicting lengths");
  });

  test("a body encoded although it was asked for as it is", async () => {
    origin.set("/x", { kind: "bytes", body: Bun.gzipSync("hello"), headers: { "content-encoding": "gzip" } });
    await expectFailure(get(origin.url("/x")), 'expected the file as it is, found it encoded as "gzip"');
  });

  test("a server that falls silent, in the body and before it", async () => {
    origin.set("/x", { kind: "stall", body: BODY, send: 10 });
    await expectFailure(get(origin.url("/x"), {}, { stallMillis: 200 }), "no byte came for 0.2 s");
    await using server = await startRaw("", true);
    await expectFailure(get(server.url, {}, { stallMillis: 200 }), "no byte came for 0.2 s");
  });

  test("nobody listening", async () => {
    const { port } = origin;
    await origin[Symbol.asyncDispose]();
    await expectFailure(get(`http://127.0.0.1:${port}/x`), "connection refused");
  });

  test("a name that nobody has", async () => {
    await expectFailure(get("http://no-such-host.invalid/x"), "the host name cannot be resolved");
  });

  test("plain HTTP where TLS was meant", async () => {
    await using server = await startRaw("HTTP/1.1 400 Bad Request\r\n\r\n");
    await expectFailure(get(server.url.replace("http:", "https:")), "the TLS handshake failed");
  });

  test("something else than HTTP", async () => {
    await using server = await startRaw("SSH-2.0-OpenSSH\r\n\r\n", true);
    await expectFailure(get(server.url), "the server does not speak HTTP");
  });

  test("a source's secrets are in no message and no log", async () => {
    const lines: string[] = [];
    const write = (message: string, fields: unknown): void => void lines.push(message + JSON.stringify(fields));
    const log = { ...silentLog, info: write, warn: write, error: write };
    origin.set("/x?sig=s3cret", { kind: "redirect", to: "/y?sig=s3cret" });
    const source = origin.url("/x?sig=s3cret").replace("//", "//s3cret:s3cret@");
    const headers = { "X-Token": "s3cret" };
    const error = await expectFailure(getByWorker(source, { headers }, { log }), "404 Not Found");
    expect(error.message).toContain(`http://***@127.0.0.1:${origin.port}/x?sig=*** (redirected to `);
    expect(JSON.stringify([error.message, error.hint, lines])).not.toContain("s3cret");
    expect(lines).not.toEqual([]);
    await origin[Symbol.asyncDispose]();
    const refused = await expectFailure(getByWorker(source, { headers }, { log }), "connection refused");
    expect(JSON.stringify([refused.message, refused.hint, lines])).not.toContain("s3cret");
  });

  test.skipIf(process.getuid?.() === 0)("a directory that may not be written", async () => {
    chmodSync(dirs.local, 0o555);
    await expectFailure(
      get(origin.url("/a.img")),
      `cannot create ${join(dirs.local, "a.img.part")}: permission denied`,
    );
  });

  test("a part file's name that is a directory", async () => {
    mkdirSync(join(dirs.local, "a.img.part"));
    const error = await failure(get(origin.url("/a.img")));
    expect(error.message).toContain(`cannot create ${join(dirs.local, "a.img.part")}: `);
  });

  const small = ["unshare", "--user", "--map-root-user", "--mount"] as const;
  // Containers often forbid user namespaces; then there is no small disk to fill.
  const mayMount = Bun.spawnSync([...small, "mount", "-t", "tmpfs", "none", "/mnt"]).success;
  interface Fate {
    readonly message: string;
    readonly hint: string;
    readonly left: readonly string[];
  }
  const fill = async (size: string, path = "/big"): Promise<Fate> => {
    const mount = `mount -t tmpfs -o size=${size} none "$0" && exec "$1" "$2" "$3" "$0"`;
    const script = join(import.meta.dirname, "artifact", "full-disk.ts");
    const { stdout } = await runProgram(
      [...small, "sh", "-c", mount, dir.path, process.execPath, script, origin.url(path)],
      { cwd: dir.path },
    );
    return JSON.parse(stdout) as Fate;
  };
  const resumable = { etag: '"one"', "transfer-encoding": "chunked", "content-length": null };
  const inChunks = (body: Buffer): Reply => {
    const chunked = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
    return { kind: "raw", status: 200, body: chunked, headers: resumable };
  };

  test.skipIf(!mayMount)("a disk that is too small for what an archive holds", async () => {
    origin.set("/big.gz", { kind: "bytes", body: gzipSync(Buffer.alloc(4 << 20, 1)) });
    const { message, hint, left } = await fill("1m", "/big.gz");
    expect(message).toContain(`cannot unpack to ${dir.path}/alloc/id/vm/local/big: no space left on the disk`);
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
  });

  test.skipIf(!mayMount)("a disk that is too small, before a byte is written to it", async () => {
    origin.set("/big", { kind: "bytes", body: Buffer.alloc(4 << 20, 1) });
    const { message, hint, left } = await fill("1m");
    expect(message).toContain("/vm/local/big.part: no space left on the disk: needed 4 MiB, free ");
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
  });

  test.skipIf(!mayMount)("a disk that is full before the end of a file of unknown size", async () => {
    origin.set("/big", inChunks(Buffer.alloc(4 << 20, 1)));
    const { message, hint, left } = await fill("1m");
    expect(message).toContain("/vm/local/big.part: no space left on the disk");
    expect(message).toMatch(/after [0-9.]+ KiB$/);
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
    // Nobody asks for more of what there is no room for.
    expect(origin.count("/big")).toBe(1);
  });

  test.skipIf(!mayMount)("a disk that is nearly full, with room left for others", async () => {
    origin.set("/big", inChunks(Buffer.alloc(40 << 20, 1)));
    const { message, left } = await fill("33m");
    expect(message).toMatch(
      /no space left on the disk: 32(\.\d)? MiB came, its size is not known, free [0-9.]+ (KiB|MiB), /,
    );
    expect(left).toEqual([]);
  });
});

describe("redirects", () => {
  test("are followed, ten of them, with every status that means one", async () => {
    [301, 302, 303, 307, 308, 301, 302, 303, 307].forEach((status, index) => {
      origin.set(`/${index}`, { kind: "redirect", to: `/${index + 1}`, status });
    });
    origin.set("/9", { kind: "redirect", to: origin.url("/a.img") });
    const acquired = await get(origin.url("/0?filename=n"), { checksum: sum("md5") });
    expect(acquired).toMatchObject({ path: join(dirs.local, "n"), bytes: 100_000 });
    expect(origin.requests).toHaveLength(11);
  });

  test("are not followed for ever", async () => {
    origin.set("/loop", { kind: "redirect", to: "/loop" });
    await expectFailure(get(origin.url("/loop")), "more than 10 redirects");
    expect(origin.count("/loop")).toBe(11);
  });

  test("carry credentials to the same host only", async () => {
    await using other = await startOrigin({ "/b": { kind: "bytes", body: BODY } });
    origin.set("/same", { kind: "redirect", to: "/other" });
    origin.set("/other", { kind: "redirect", to: other.url("/b") });
    const headers = { Cookie: "c", "X-Api-Key": "k", "User-Agent": "me" };
    await get(origin.url("/same").replace("//", "//me:pw@"), { headers });
    expect(origin.requests[1]?.headers).toMatchObject({
      cookie: "c",
      "x-api-key": "k",
      authorization: expect.any(String),
    });
    const seen = other.requests[0]?.headers ?? {};
    expect(seen["user-agent"]).toBe("me");
    expect(Object.keys(seen).filter((name) => ["cookie", "authorization", "x-api-key"].includes(name))).toEqual([]);
  });

  test("with user info in them do not send it", async () => {
    origin.set("/x", { kind: "redirect", to: origin.url("/a.img").replace("//", "//evil:pw@") });
    await get(origin.url("/x"));
    expect(origin.requests[1]?.headers["authorization"]).toBeUndefined();
  });

  test.each([
    ["file:///etc/passwd", "expected a redirect to http or https, found a redirect to"],
    ["ftp://127.0.0.1/x", "expected a redirect to http or https"],
    ["data:text/plain,x", "expected a redirect to http or https"],
    ["http://169.254.169.254/latest/meta-data", "redirect to link-local address http://169.254.169.254/"],
    ["http://[fe80::1]/", "redirect to link-local address"],
    ["http://[::ffff:169.254.1.1]/", "redirect to link-local address"],
    ["http://0xa9fea9fe/", "redirect to link-local address"],
    ["http://%zz/", "to something that is no URL"],
  ])("to %s are refused", async (to, message) => {
    origin.set("/x", { kind: "redirect", to });
    await expectFailure(get(origin.url("/x")), message);
  });

  test("without a location are refused", async () => {
    origin.set("/x", { kind: "status", status: 302 });
    await expectFailure(get(origin.url("/x")), "302 Found without a location");
  });
});

describe("TLS", () => {
  const tls = {
    key: readFileSync(join(import.meta.dirname, "artifact", "localhost.key"), "utf8"),
    cert: readFileSync(join(import.meta.dirname, "artifact", "localhost.crt"), "utf8"),
  };

  test("a certificate that nobody vouches for is refused, unless insecure is true", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(BODY) });
    try {
      const url = `https://127.0.0.1:${server.port}/a.img`;
      const error = await expectFailure(get(url), "the server's certificate is not trusted (");
      expect(error.hint).toContain("insecure = true");
      expect((await get(url, { insecure: true })).checksum).toBe(sum("sha256"));
    } finally {
      await server.stop(true);
    }
  });
});

describe("cancelling", () => {
  test("in the middle of a body ends the download and the connection, and leaves nothing", async () => {
    origin.set("/x", { kind: "slow", body: BODY, chunk: 100, every: 10 });
    const cancel = new AbortController();
    const options = { signal: cancel.signal, onProgress: () => cancel.abort() };
    await expectFailure(getByWorker(origin.url("/x"), {}, options), "cancelled");
  });

  test("while the server says nothing", async () => {
    await using server = await startRaw("", true);
    const cancel = new AbortController();
    const promise = getByWorker(server.url, {}, { signal: cancel.signal });
    setTimeout(() => cancel.abort(), 50);
    await expectFailure(promise, "cancelled");
  });

  test("before it began fetches nothing", async () => {
    await expectFailure(getByWorker(origin.url("/a.img"), {}, { signal: AbortSignal.abort() }), "cancelled");
    expect(origin.requests).toHaveLength(0);
  });

  test("of a fast and endless body is heard", async () => {
    const chunk = Buffer.alloc(1 << 20);
    const endless = createServer((socket) => {
      const pump = (): void => {
        while (socket.write(chunk)) {}
      };
      socket.on("error", () => socket.destroy());
      socket.on("drain", pump);
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        pump();
      });
    });
    await new Promise<void>((resolve) => endless.listen(0, "127.0.0.1", resolve));
    try {
      const cancel = new AbortController();
      const options = { signal: cancel.signal, onProgress: () => cancel.abort() };
      await expectFailure(
        getByWorker(`http://127.0.0.1:${(endless.address() as AddressInfo).port}/x`, {}, options),
        "x: cancelled",
      );
    } finally {
      endless.close();
    }
  });
});

describe("the worker", () => {
  const dying = (): Worker => new Worker(new URL("./artifact/dying-worker.ts", import.meta.url).href);

  test.each(["exit", "throw"])("that dies by %s is an error, and its part file goes", async (how) => {
    const error = await expectFailure(
      getByWorker(origin.url(`/${how}`), {}, {}, dying),
      "the download's worker ended early",
    );
    expect(error.message).not.toContain("s3cret");
  });

  test("that does not hear a cancellation is cut off", async () => {
    const cancel = new AbortController();
    const options = { signal: cancel.signal, onProgress: () => cancel.abort(), graceMillis: 100 };
    await expectFailure(getByWorker(origin.url("/deaf"), {}, options, dying), "it did not answer");
  });

  test("of one destination is one at a time", async () => {
    origin.set("/x", { kind: "stall", body: BODY, send: 10 });
    const cancel = new AbortController();
    const first = failure(getByWorker(origin.url("/x"), {}, { signal: cancel.signal }));
    const second = await failure(getByWorker(origin.url("/x")));
    expect(second.code).toBe("conflict");
    expect(second.message).toContain(`another artifact is being written to ${join(dirs.local, "x")}`);
    cancel.abort();
    await first;
    expect((await getByWorker(origin.url("/a.img?filename=x"))).bytes).toBe(100_000);
  });

  test("does not keep a process alive", async () => {
    const program = `
      const { acquire } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/artifact/acquire.ts"))});
      const { silentLog } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/base/log.ts"))});
      const plan = JSON.parse(process.argv[1]);
      const acquired = await acquire(plan, { signal: new AbortController().signal, onProgress: () => {}, log: silentLog });
      console.log(acquired.bytes);`;
    const planned = JSON.stringify(plan(origin.url("/a.img"), {}));
    const { code, stdout } = await runProgram([process.execPath, "-e", program, planned], { cwd: dir.path });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "100000\n" });
  });

  test("three at once do not disturb each other", async () => {
    const names = ["1", "2", "3"];
    for (const name of names) origin.set(`/${name}`, { kind: "bytes", body: BODY });
    const all = await Promise.all(
      names.map((name) => getByWorker(origin.url(`/${name}`), { destination: "local/new/deep" })),
    );
    expect(all.map(({ checksum }) => checksum)).toEqual(names.map(() => sum("sha256")));
    expect(readdirSync(join(dirs.local, "new/deep")).sort()).toEqual(names);
  });
});
