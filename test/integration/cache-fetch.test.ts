import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { requestOf } from "../../src/artifact/download/request.ts";
import { lookUp, namesIn } from "../../src/cache/entry.ts";
import { filesOf } from "../../src/cache/key.ts";
import { readSource } from "../../src/cache/source.ts";
import { artifactBench, BODY, sum, type Wanted } from "../helpers/artifact.ts";
import { CHANGED, NOW } from "../helpers/broken-download.ts";
import { sha256 } from "../helpers/cache.ts";
import type { PlainReply, SeenRequest } from "../helpers/origin.ts";

const here = artifactBench();
const { getByWorker } = here;

const url = (): string => here.origin.url("/a.img");
const local = (...names: string[]): string => join(here.dirs.local, ...names);
/** Everything of the cache in text files, and every name in it. */
const written = (): string =>
  readdirSync(here.cache, { recursive: true, encoding: "utf8" })
    .map(
      (name) =>
        name + (statSync(join(here.cache, name)).isFile() ? readFileSync(join(here.cache, name), "latin1") : ""),
    )
    .join("\n");

/** A server that knows conditions; what it was asked with is in the origin's requests. */
function serve(body: Uint8Array, headers: Readonly<Record<string, string>>): void {
  const answer = (request: SeenRequest): PlainReply => {
    const same =
      (headers["etag"] !== undefined && request.headers["if-none-match"] === headers["etag"]) ||
      (headers["last-modified"] !== undefined && request.headers["if-modified-since"] === headers["last-modified"]);
    return { kind: "raw", status: same ? 304 : 200, headers, body: same ? Buffer.alloc(0) : body };
  };
  here.origin.set("/a.img", { kind: "each", answer });
}

describe("what was fetched once is not fetched again", () => {
  test.each(["sha256", "sha512", "sha1", "md5"])("by its %s", async (type) => {
    const wanted = { checksum: sum(type) };
    expect(await getByWorker(url(), wanted)).toMatchObject({ cached: false });
    const again = await getByWorker(url(), { ...wanted, destination: "local/b" });
    expect(again).toMatchObject({ cached: true, skipped: false, bytes: BODY.length, checksum: sum(type) });
    expect(readFileSync(local("b", "a.img")).equals(BODY)).toBe(true);
    expect(here.origin.count("/a.img")).toBe(1);
    expect(namesIn(join(here.cache, "parts"))).toEqual([]);
  });

  test("by its sha256, whatever source somebody else names", async () => {
    await getByWorker(url(), { headers: { "X-Tenant": "a" } });
    const other = here.origin.url("/not-there");
    const got = await getByWorker(other, { checksum: sum("sha256"), destination: "local/b" });
    expect(got.cached).toBe(true);
    expect(here.origin.count("/not-there")).toBe(0);
  });

  const others: [string, Wanted][] = [
    ["other headers", { headers: { "X-Tenant": "b" } }],
    ["a certificate that is not looked at", { insecure: true }],
    ["another query", { options: { version: "2" } }],
  ];
  test.each(others)("but by a md5 only for the same request: not with %s", async (_, other) => {
    const wanted: Wanted = { options: { checksum: sum("md5") } };
    await getByWorker(url(), wanted);
    here.origin.set("/a.img?version=2", { kind: "bytes", body: BODY });
    const more = { ...other, options: { ...wanted.options, ...other.options }, destination: "local/b" };
    expect((await getByWorker(url(), more)).cached).toBe(false);
    expect(here.origin.requests).toHaveLength(2);
  });
});

describe("a source without a checksum", () => {
  const cases: [string, Record<string, string>, string][] = [
    ["a strong ETag", { etag: '"one"' }, "if-none-match"],
    ["a strong ETag of a server without ranges", { etag: '"one"', "accept-ranges": "none" }, "if-none-match"],
    ["a date that is old enough", { "last-modified": CHANGED, date: NOW }, "if-modified-since"],
  ];
  test.each(cases)("is asked whether it changed, by %s", async (_, headers, name) => {
    serve(BODY, headers);
    await getByWorker(url());
    const again = await getByWorker(url(), { destination: "local/b" });
    expect(again).toMatchObject({ cached: true, checksum: sum("sha256") });
    expect(here.origin.requests.map((request) => request.headers[name])).toEqual([
      undefined,
      headers["etag"] ?? headers["last-modified"],
    ]);
    const other = Buffer.from("another file");
    serve(other, { etag: '"two"' });
    expect(await getByWorker(url(), { destination: "local/c" })).toMatchObject({
      ...{ cached: false, checksum: sum("sha256", other) },
    });
    expect(readFileSync(local("c", "a.img")).equals(other)).toBe(true);
  });

  test.each([
    ["nothing", {}],
    ["a weak ETag", { etag: 'W/"one"' }],
    ["a date that is too young", { "last-modified": NOW, date: NOW }],
  ])("is fetched again when the server gave %s to tell the file by", async (_, headers) => {
    serve(BODY, headers);
    await getByWorker(url());
    expect((await getByWorker(url(), { destination: "local/b" })).cached).toBe(false);
    // An agent that is told to be offline later finds it all the same.
    expect(readSource(here.cache, requestOf(here.plan(url())))?.validator).toBeNull();
    expect(lookUp(here.cache, sha256(BODY)).kind).toBe("there");
  });

  test("is fetched anew when the server says unchanged of another version", async () => {
    serve(BODY, { etag: '"one"' });
    await getByWorker(url());
    const other = Buffer.from("another file");
    here.origin.set("/a.img", {
      kind: "each",
      answer: (request): PlainReply => {
        const asked = request.headers["if-none-match"] !== undefined;
        return {
          kind: "raw",
          status: asked ? 304 : 200,
          headers: { etag: '"two"' },
          body: asked ? Buffer.alloc(0) : other,
        };
      },
    });
    expect((await getByWorker(url(), { destination: "local/b" })).checksum).toBe(sum("sha256", other));
    expect(here.origin.requests).toHaveLength(3);
  });

  test("is fetched whole when its entry went meanwhile", async () => {
    serve(BODY, { etag: '"one"' });
    await getByWorker(url());
    rmSync(filesOf(here.cache, sha256(BODY)).dir, { recursive: true });
    expect((await getByWorker(url(), { destination: "local/b" })).cached).toBe(false);
    expect(here.origin.requests.at(-1)?.headers["if-none-match"]).toBeUndefined();
  });
});

test("no secret of a request is in the cache, and nobody but the agent may look into it", async () => {
  serve(BODY, { etag: '"one"' });
  here.origin.set("/a.img?sig=s3cret", { kind: "raw", status: 200, headers: { etag: '"one"' }, body: BODY });
  const source = `${url()}?sig=s3cret`.replace("//", "//s3cret:s3cret@");
  await getByWorker(source, { headers: { "X-Token": "s3cret" } });
  await getByWorker(source, { headers: { "X-Token": "s3cret" }, options: { checksum: sum("md5") } });
  expect(namesIn(join(here.cache, "sources"))).toHaveLength(1);
  expect(written()).toContain("/a.img?sig=***");
  expect(written()).not.toContain("s3cret");
  expect(statSync(here.cache).mode & 0o777).toBe(0o700);
});

test("what a source without a checksum led to says when it was asked", async () => {
  serve(BODY, { etag: '"one"' });
  const plan = here.plan(url());
  await getByWorker(url());
  expect(readSource(here.cache, requestOf(plan))).toMatchObject({
    key: sha256(BODY),
    validator: { kind: "etag", value: '"one"' },
    source: url(),
  });
});
