import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { PullOptions } from "../../src/agent/pull.ts";
import type { Progress } from "../../src/artifact/download/progress.ts";
import { createTurns, type Turns } from "../../src/artifact/turns.ts";
import { listEntries } from "../../src/cache/entry.ts";
import { filesOf, parseKey } from "../../src/cache/key.ts";
import { imagesOf } from "../helpers/cache-uses.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { checksumOf } from "../helpers/hash.ts";
import { type Origin, type Pace, rangeReply, startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

let api: CliApi;
let origin: Origin;
const BODY = Buffer.from("0123456789".repeat(1000));

beforeEach(async () => {
  api = serveCliApi();
  api.agent.images = imagesOf(api.dir, () => api.agent);
  origin = await startOrigin({ "/a.img": { kind: "bytes", body: BODY } });
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** Serves a file of which next to nothing of the second half comes before the function is called that this returns. */
function heldInTheMiddle(path: string, body: Buffer): () => void {
  let isHeld = true;
  const pace = (sent: number): Pace => ({ chunk: isHeld && sent >= body.length / 2 ? 1 : 48 << 10, every: 5 });
  origin.set(path, { kind: "each", answer: (request) => rangeReply(request, { body, etag: '"one"' }, { pace }) });
  return () => {
    isHeld = false;
  };
}

/** Answers when it is let. */
function holdingOrigin(goOn: Promise<void>) {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      requests++;
      await goOn;
      return new Response("held");
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/held.img`,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

const pull = (...args: string[]) => api.run(["image", "pull", ...args]);

describe("image pull", () => {
  test("prints the checksum of what it fetched, and with that fetches it only once", async () => {
    const first = await pull(origin.url("/a.img"));
    expect(first).toEqual({
      code: 0,
      stdout: `${checksumOf(BODY)}\n`,
      stderr: expect.stringMatching(/^fetched .*: 9\.8 KiB/),
    });
    const again = await pull("-checksum", checksumOf(BODY), origin.url("/a.img"));
    expect(again).toEqual({ code: 0, stdout: first.stdout, stderr: expect.stringContaining("from the cache") });
    expect(origin.count("/a.img")).toBe(1);
    const key = parseKey(checksumOf(BODY));
    if (key === undefined) throw new Error("it is a key");
    expect(readFileSync(filesOf(`${api.dir}/cache`, key).content)).toEqual(BODY);
  });

  test("unpacks one compressed file, and with -archive false leaves it as it is", async () => {
    origin.set("/b.img.gz", { kind: "bytes", body: gzipSync(BODY) });
    expect((await pull(origin.url("/b.img.gz"))).stderr).toContain("; unpacked 1 file, 9.8 KiB");
    const { stdout } = await api.run(["image", "ls", "-json"]);
    expect(JSON.parse(stdout)).toMatchObject({ Images: [{ Unpacked: { Format: "gz", Bytes: BODY.length } }] });
    const plain = await startOrigin({ "/b.img.gz": { kind: "bytes", body: gzipSync(Buffer.from("other")) } });
    try {
      const { stderr } = await pull("-archive", "false", plain.url("/b.img.gz"));
      expect(stderr).not.toContain("unpacked");
    } finally {
      await plain[Symbol.asyncDispose]();
    }
  });

  test("waits while as many are fetched as may be at a time, and says so", async () => {
    const turns = createTurns(1);
    const waits: number[] = [];
    const counted: Turns = {
      take: (signal, onWait) =>
        turns.take(signal, (before) => {
          waits.push(before);
          onWait?.(before);
        }),
    };
    api.agent.images = imagesOf(api.dir, () => api.agent, counted);
    const goOn = Promise.withResolvers<void>();
    await using held = holdingOrigin(goOn.promise);
    const first = pull(held.url);
    await until("the first to be fetched", () => held.requests > 0);
    const second = pull(origin.url("/a.img"));
    await until("the second to wait", () => waits.length > 0);
    expect(origin.count("/a.img")).toBe(0);
    goOn.resolve();
    expect((await first).code).toBe(0);
    const { code, stdout, stderr } = await second;
    expect([code, stdout]).toEqual([0, `${checksumOf(BODY)}\n`]);
    expect(stderr).toContain(`${origin.url("/a.img")} waits for 1 other artifact; so many at a time as `);
  });

  test("takes the checksum from a list, and says what that says", async () => {
    origin.set("/SUMS", { kind: "bytes", body: `${checksumOf(BODY).slice(7)}  a.img\n` });
    const { code, stderr } = await pull("-checksum", `file:${origin.url("/SUMS")}`, origin.url("/a.img"));
    expect(code).toBe(0);
    expect(stderr).toContain(`says of a.img: ${checksumOf(BODY)}`);
    origin.set("/SUMS", { kind: "bytes", body: `${"0".repeat(64)}  a.img\n` });
    const wrong = await pull("-checksum", `file:${origin.url("/SUMS")}`, origin.url("/a.img"));
    expect(wrong.stderr).toContain(`expected sha256:${"0".repeat(64)}`);
  });

  test("of another file than the checksum says fails and keeps nothing", async () => {
    const { code, stdout, stderr } = await pull("-checksum", checksumOf(Buffer.from("x")), origin.url("/a.img"));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`expected ${checksumOf(Buffer.from("x"))}, got ${checksumOf(BODY)}`);
    expect(listEntries(`${api.dir}/cache`)).toEqual([]);
    expect(readdirSync(`${api.dir}/cache/parts`)).toEqual([]);
  });

  test("sends its headers, and tells none of them", async () => {
    const flags = ["-header", "Authorization: Bearer s3cret", "-header", "X-One:1"];
    origin.set("/gone.img", { kind: "status", status: 403 });
    const { code, stdout, stderr } = await pull(...flags, `${origin.url("/gone.img")}?token=s3cret`);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain("s3cret");
    await pull(...flags, origin.url("/a.img"));
    expect(origin.requests.at(-1)?.headers).toMatchObject({ authorization: "Bearer s3cret", "x-one": "1" });
  });

  test.each([
    [["gs://bucket/a.img"], "sources of gcs:: are not supported"],
    [["-checksum", "sha256:12", "http://h/a.img"], "expected 64 hex digits for sha256, found 2"],
    [["-archive", "rar", "http://h/a.img"], "rar"],
    [["-header", "s3cret", "http://h/a.img"], "flag -header: expected a name, a colon and a value"],
    [["-header", "A: b\r\nX: s3cret", "http://h/a.img"], "the value of A holds a character that no header may hold"],
    [[""], "source must be set"],
  ])("%p is refused before anything is fetched", async (args, message) => {
    const { code, stderr } = await pull(...args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
    expect(stderr).not.toContain("s3cret");
  });

  test("shows how far it is on a terminal of 80 columns", async () => {
    origin.set("/slow.img", { kind: "slow", body: BODY, chunk: 500, every: 40 });
    const { stderr } = await api.run(["image", "pull", origin.url("/slow.img")], { columns: 80 });
    const shown = stderr.split("\r").map((line) => line.replaceAll("\u001b[2K", ""));
    expect(shown.some((line) => /^ {4}\[#+\.+\] +\d+% {2}.* of 9\.8 KiB .*\/s/.test(line))).toBe(true);
    expect(shown.filter((line) => line.startsWith("    [") && line.length > 79)).toEqual([]);
  });

  test("shares one download with another pull, which goes on when this one is given up", async () => {
    const body = randomBytes(4 << 20);
    const goOn = heldInTheMiddle("/shared.img", body);
    const told = new Set<unknown>();
    const { images } = api.agent;
    api.agent.images = {
      ...images,
      pull: (artifact) => {
        const planned = images.pull(artifact);
        const onProgress = (options: PullOptions) => (progress: Progress) => {
          told.add(planned);
          options.onProgress(progress);
        };
        return { ...planned, run: (options) => planned.run({ ...options, onProgress: onProgress(options) }) };
      },
    };
    const source = origin.url("/shared.img");
    const leaver = api.spawn(["image", "pull", source]);
    await until("some of it", () => origin.served() > 0);
    const stayer = pull(source);
    await until("both to hear of it", () => told.size === 2);
    leaver.kill("SIGINT");
    expect(await leaver.ended()).toMatchObject({ code: 130 });
    goOn();
    expect(await stayer).toMatchObject({ code: 0, stdout: `${checksumOf(body)}\n` });
    expect(origin.count("/shared.img")).toBe(1);
  });

  test("goes on after Ctrl-C where it was, and the agent asks for no more meanwhile", async () => {
    const body = randomBytes(6 << 20);
    const goOn = heldInTheMiddle("/large.img", body);
    const child = api.spawn(["image", "pull", origin.url("/large.img")]);
    await until("some of it", () => origin.served() > 2 << 20);
    child.kill("SIGINT");
    const { code, stderr } = await child.ended();
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringContaining("the same command goes on from there"),
    });
    const parts = `${api.dir}/cache/parts`;
    await until("the part to stay", () => readdirSync(parts).some((name) => name.endsWith(".part")));
    expect(listEntries(`${api.dir}/cache`)).toEqual([]);
    goOn();
    const again = await pull(origin.url("/large.img"));
    expect(again.stdout).toBe(`${checksumOf(body)}\n`);
    expect(again.stderr).toMatch(/of it were there from an earlier try/);
    expect(origin.requests.at(-1)?.headers["if-range"]).toBe('"one"');
    expect(readdirSync(parts)).toEqual([]);
  });
});
