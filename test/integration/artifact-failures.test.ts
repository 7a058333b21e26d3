import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { silentLog } from "../../src/base/log.ts";
import { tarOf } from "../helpers/archives.ts";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";
import type { Reply } from "../helpers/origin.ts";
import { startRaw } from "../helpers/raw-server.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";

const here = artifactBench();
const { get, getByWorker, expectFailure } = here;

describe("what fails leaves nothing and says what was expected and found", () => {
  test("a wrong checksum", async () => {
    const wrong = sum("sha256", Buffer.from("x"));
    const error = await expectFailure(get(here.origin.url("/a.img"), { checksum: wrong }), "checksum of 100000 bytes");
    expect(error.message).toContain(`expected ${wrong}, got ${sum("sha256")}`);
    expect(error.message).toStartWith(`artifact ${here.origin.url("/a.img")}: `);
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
    here.origin.set("/x", { kind: "status", status });
    await expectFailure(get(here.origin.url("/x")), message);
  });

  const broken: [string, Reply][] = [
    ["a body that breaks off", { kind: "short", body: BODY, send: 50_000 }],
    ["a body that breaks off before its first byte", { kind: "short", body: BODY, send: 0 }],
    ["a server that hangs up", { kind: "hang-up" }],
  ];
  test.each(broken)("%s", async (_, reply) => {
    here.origin.set("/x", reply);
    await expectFailure(get(here.origin.url("/x")), "the connection broke before the end of the reply");
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
    here.origin.set("/x", { kind: "bytes", body: Bun.gzipSync("hello"), headers: { "content-encoding": "gzip" } });
    await expectFailure(get(here.origin.url("/x")), 'expected the file as it is, found it encoded as "gzip"');
  });

  test("an encoding of controls, and as long as a server likes", async () => {
    const reply = `HTTP/1.1 200 OK\r\ncontent-encoding: \u009b2J${"x".repeat(10_000)}\r\ncontent-length: 0\r\n\r\n`;
    await using server = await startRaw(Buffer.from(reply, "latin1"));
    const { message } = await expectFailure(get(server.url), 'found it encoded as "\\x9b2Jxxx');
    expect(message.length).toBeLessThan(400);
  });

  test("a server that falls silent, in the body and before it", async () => {
    here.origin.set("/x", { kind: "stall", body: BODY, send: 10 });
    await expectFailure(get(here.origin.url("/x"), {}, { stallMillis: 200 }), "no byte came for 0.2 s");
    await using server = await startRaw("", true);
    await expectFailure(get(server.url, {}, { stallMillis: 200 }), "no byte came for 0.2 s");
  });

  test("nobody listening", async () => {
    const { port } = here.origin;
    await here.origin[Symbol.asyncDispose]();
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
    here.origin.set("/x?sig=s3cret", { kind: "redirect", to: "/y?sig=s3cret" });
    const source = here.origin.url("/x?sig=s3cret").replace("//", "//s3cret:s3cret@");
    const headers = { "X-Token": "s3cret" };
    const error = await expectFailure(getByWorker(source, { headers }, { log }), "404 Not Found");
    expect(error.message).toContain(`http://***@127.0.0.1:${here.origin.port}/x?sig=*** (redirected to `);
    expect(JSON.stringify([error.message, error.hint, lines])).not.toContain("s3cret");
    expect(lines).not.toEqual([]);
    await here.origin[Symbol.asyncDispose]();
    const refused = await expectFailure(getByWorker(source, { headers }, { log }), "connection refused");
    expect(JSON.stringify([refused.message, refused.hint, lines])).not.toContain("s3cret");
  });

  test.skipIf(process.getuid?.() === 0)("a directory that may not be written", async () => {
    chmodSync(here.dirs.local, 0o555);
    await expectFailure(
      get(here.origin.url("/a.img")),
      `cannot create ${join(here.dirs.local, "a.img.part")}: permission denied`,
    );
  });

  test("a part file's name that is a directory", async () => {
    mkdirSync(join(here.dirs.local, "a.img.part"));
    const error = await refusal(get(here.origin.url("/a.img")));
    expect(error.message).toContain(`cannot create ${join(here.dirs.local, "a.img.part")}: `);
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
      [...small, "sh", "-c", mount, here.dir.path, process.execPath, script, here.origin.url(path)],
      { cwd: here.dir.path },
    );
    return JSON.parse(stdout) as Fate;
  };
  const resumable = { etag: '"one"', "transfer-encoding": "chunked", "content-length": null };
  const inChunks = (body: Buffer): Reply => {
    const chunked = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
    return { kind: "raw", status: 200, body: chunked, headers: resumable };
  };

  test.skipIf(!mayMount)("a disk that is too small for what an archive holds", async () => {
    here.origin.set("/big.gz", { kind: "bytes", body: gzipSync(Buffer.alloc(4 << 20, 1)) });
    const { message, hint, left } = await fill("1m", "/big.gz");
    expect(message).toContain(`cannot unpack to ${here.dir.path}/cache: no space left on the disk`);
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
  });

  test.skipIf(!mayMount)("a disk that many small files fill, with room left for others", async () => {
    const files = Array.from({ length: 6500 }, (_, i) => ({ name: `f${i}`, body: "x" }));
    here.origin.set("/many.tar.gz", { kind: "bytes", body: gzipSync(tarOf(...files), { level: 1 }) });
    const { message, hint, left } = await fill("24m", "/many.tar.gz");
    expect(message).toMatch(
      /: no space left on the disk to unpack it: free [0-9.]+ (KiB|MiB), of which 1.2 MiB are not/,
    );
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
  });

  test.skipIf(!mayMount)("a disk that is too small, before a byte is written to it", async () => {
    here.origin.set("/big", { kind: "bytes", body: Buffer.alloc(4 << 20, 1) });
    const { message, hint, left } = await fill("1m");
    expect(message).toMatch(/\/cache\/parts\/[0-9a-f]{32}\.part: no space left on the disk: needed 4 MiB, free /);
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
  });

  test.skipIf(!mayMount)("a disk that is full before the end of a file of unknown size", async () => {
    here.origin.set("/big", inChunks(Buffer.alloc(4 << 20, 1)));
    const { message, hint, left } = await fill("1m");
    expect(message).toMatch(/\/cache\/parts\/[0-9a-f]{32}\.part: no space left on the disk/);
    expect(message).toMatch(/after [0-9.]+ KiB$/);
    expect(hint).toContain("make room");
    expect(left).toEqual([]);
    // Nobody asks for more of what there is no room for.
    expect(here.origin.count("/big")).toBe(1);
  });

  test.skipIf(!mayMount)("a disk that is nearly full, with room left for others", async () => {
    here.origin.set("/big", inChunks(Buffer.alloc(40 << 20, 1)));
    const { message, left } = await fill("33m");
    expect(message).toMatch(
      /no space left on the disk: 32(\.\d)? MiB came, its size is not known, free [0-9.]+ (KiB|MiB), /,
    );
    expect(left).toEqual([]);
  });
});
