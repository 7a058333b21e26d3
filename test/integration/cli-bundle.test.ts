import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { decodeManifest, type Manifest } from "../../src/bundle/manifest.ts";
import { lookUp } from "../../src/cache/entry.ts";
import { readSource } from "../../src/cache/source.ts";
import { keyFor } from "../helpers/bundle.ts";
import { bundlesOf } from "../helpers/cache-uses.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { hexOf } from "../helpers/hash.ts";
import { jobText } from "../helpers/jobs.ts";
import { type Origin, startOrigin } from "../helpers/origin.ts";

const BODY = Buffer.alloc(200_000, "body");
const OTHER = Buffer.alloc(3 << 20, "other");
setDefaultTimeout(60_000);
let api: CliApi;
let origin: Origin;
let home: string;

beforeEach(async () => {
  api = serveCliApi();
  api.agent.bundles = bundlesOf(`${api.dir}/data`, null);
  home = `${api.dir}/home`;
  mkdirSync(home);
  origin = await startOrigin({
    "/a.img": { kind: "bytes", body: BODY },
    "/b.img": { kind: "bytes", body: OTHER, headers: { etag: '"1"' } },
  });
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const at = (name: string): string => `${api.dir}/${name}`;
const run = (...args: string[]) => api.run(["image", ...args], { env: { HOME: home } });

/** A job file that fetches the files of these names, the first by its checksum. */
function job(name: string, ...more: string[]): string {
  const checksum = `options {\n checksum = "sha256:${hexOf(BODY)}"\n }`;
  const task = [`artifact {\n source = "${origin.url("/a.img")}"\n ${checksum}\n }`, ...more].join("\n");
  writeFileSync(at(name), jobText({ id: name.split(".")[0] ?? "", image: "local/a.img", task }));
  return at(name);
}

const other = (): string => `artifact {\n source = "${origin.url("/b.img")}"\n }`;
const manifestOf = (bundle: string): Manifest => decodeManifest(readFileSync(at(`${bundle}.manifest`)));

async function signed(...more: string[]): Promise<void> {
  if (!existsSync(at("site.key"))) expect((await run("key", at("site.key"))).code).toBe(0);
  const { code, stderr } = await run("bundle", "-key", at("site.key"), ...more);
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

const load = (...more: string[]) => run("load", "-trust", at("site.key.pub"), ...more);

describe("image bundle", () => {
  test("packs jobs and what they fetch without an agent, each file once, and fetches nothing twice", async () => {
    const jobs = [job("web.hcl", other()), job("db.hcl")];
    const first = await run("bundle", "-o", at("site.tar"), ...jobs);
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/site\.tar: 2 job files, 2 artifacts, 3\.\d MiB/),
    });
    expect(first.stderr).toContain("nobody can tell who made it");
    expect(first.stderr).not.toContain("the host must have it");
    expect(statSync(at("site.tar")).mode & 0o777).toBe(0o600);
    const { jobs: told, artifacts, requests } = manifestOf("site.tar");
    expect(told.map(({ file, id }) => [file, id])).toEqual([
      ["web.hcl", "web"],
      ["db.hcl", "db"],
    ]);
    expect(artifacts.map(({ sha256 }) => sha256)).toEqual([hexOf(BODY), hexOf(OTHER)]);
    expect(requests).toMatchObject([{ validator: { kind: "etag", value: '"1"' } }]);
    const again = await run("bundle", "-force", "-o", at("site.tar"), ...jobs);
    expect(again.stderr).toContain("is there from before");
    expect(origin.count("/a.img")).toBe(1);
  });

  test("refuses before it fetches what cannot become a bundle", async () => {
    const fine = job("web.hcl");
    writeFileSync(at("there.tar"), "");
    writeFileSync(at("bad.hcl"), "job {");
    writeFileSync(at("a b.hcl"), readFileSync(fine));
    mkdirSync(at("two"));
    writeFileSync(at("two/web.hcl"), readFileSync(fine));
    const refused = async (...args: string[]) => {
      const { code, stderr } = await run("bundle", ...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused(fine)).toContain("expected -o");
    const homeless = await api.run(["image", "bundle", "-o", at("x.tar"), fine], { env: { HOME: "" } });
    expect(homeless).toMatchObject({ code: 1, stderr: expect.stringContaining("expected -cache DIR") });
    expect(await refused("-force", "-o", "/dev/null", fine)).toContain("no file");
    const nowhere = await refused("-o", at("no/x.tar"), fine);
    expect(nowhere).toContain(`x.tar cannot be written: there is no directory ${at("no")}`);
    expect(nowhere).not.toContain("fetched");
    mkdirSync(at("y.tar.manifest"));
    expect(await refused("-force", "-o", at("y.tar"), fine)).toContain("y.tar.manifest is there already, and no file");
    expect(await refused("-o", at("there.tar"), fine)).toContain("is there already");
    expect(await refused("-o", at("x.tar"), at("bad.hcl"))).toContain("is not a valid job");
    expect(await refused("-o", at("x.tar"), at("a b.hcl"))).toContain("cannot be a name in a bundle");
    expect(await refused("-o", at("x.tar"), at("none.hcl"))).toContain("no such file");
    expect(await refused("-o", at("x.tar"), "-since", at("none"), fine)).toContain("none: no such file");
    expect(await refused("-o", at("x.tar"), "-key", fine, fine)).toContain("expected a private key");
    expect(await refused("-o", at("x.tar"), "-binary", fine, fine)).toContain("expected a program");
    expect(await refused("-o", at("x.tar"), "-since", fine, fine)).toContain("the bundle is refused");
    const unknown = 'artifact {\n source = "http://h/${attr.cpu.arch}.img"\n }';
    expect(await refused("-o", at("x.tar"), job("odd.hcl", unknown))).toContain("known only where the job runs");
    expect(await refused("-o", at("x.tar"), fine, at("two/web.hcl"))).toContain("would be called web.hcl");
    expect(origin.requests).toEqual([]);
    expect(existsSync(at("x.tar"))).toBe(false);
  });

  test("says which images it does not hold, because no job fetches them", async () => {
    writeFileSync(at("own.hcl"), jobText({ image: "/srv/own.img" }));
    const { code, stderr } = await run("bundle", "-o", at("x.tar"), at("own.hcl"));
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("/srv/own.img is not fetched") });
  });

  test("that cannot fetch one file leaves no bundle", async () => {
    const gone = `artifact {\n source = "${origin.url("/gone.img")}"\n }`;
    const { code, stderr } = await run("bundle", "-o", at("x.tar"), job("web.hcl", gone));
    expect({ code, found: stderr.includes("404") }).toEqual({ code: 1, found: true });
    expect(readdirSync(api.dir).filter((name) => name.startsWith("x.tar"))).toEqual([]);
  });

  test("with -since leaves out what the former one has, by its manifest or by itself", async () => {
    await signed("-o", at("one.tar"), "-sequence", "5", job("web.hcl"));
    for (const base of ["one.tar", "one.tar.manifest"]) {
      const files = ["-o", at("two.tar"), "-force", "-sequence", "6", "-since", at(base), job("web.hcl", other())];
      await signed(...files);
      expect(manifestOf("two.tar").artifacts.map(({ packed }) => packed)).toEqual([false, true]);
    }
    const back = await run("bundle", "-o", at("x.tar"), "-sequence", "5", "-since", at("one.tar"), job("web.hcl"));
    expect(back.stderr).toContain("expected more than 5");
    expect(await load(at("two.tar"))).toMatchObject({ code: 1, stderr: expect.stringContaining("the cache lacks") });
    expect(await load(at("one.tar"))).toMatchObject({ code: 0 });
    expect(await load(at("two.tar"))).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("1 there from before"),
    });
  });
});

describe("image load", () => {
  test("gives a bundle to the agent and writes its job files as they were", async () => {
    const text = readFileSync(job("web.hcl", other()));
    await signed("-o", at("site.tar"), at("web.hcl"));
    const { code, stdout, stderr } = await load("-jobs", at("jobs"), at("site.tar"));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${at("jobs/web.hcl")}\n` });
    expect(stderr).toMatch(/sequence \d+ of 2.*, signed with key [0-9a-f]{16}\n2 artifacts loaded, 3\.\d MiB/);
    expect(readFileSync(at("jobs/web.hcl"))).toEqual(text);
    const cache = at("data/cache");
    expect(lookUp(cache, keyFor(BODY)).kind).toBe("there");
    const [request] = manifestOf("site.tar").requests;
    expect(readSource(cache, request?.request ?? "")?.key).toEqual(keyFor(OTHER));
  });

  test("writes over no file that is there unless it is told to, and asks before anything is loaded", async () => {
    await signed("-o", at("site.tar"), job("web.hcl"));
    const { code, stderr } = await load("-jobs", api.dir, at("site.tar"));
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`  ${at("web.hcl")}`) });
    expect(existsSync(at("data/cache"))).toBe(false);
    expect((await load("-force", "-jobs", api.dir, at("site.tar"))).code).toBe(0);
  });

  test("takes programs along, too", async () => {
    await signed("-o", at("site.tar"), "-binary", "/bin/true", job("web.hcl"));
    const { code, stdout } = await load("-binaries", at("bin"), at("site.tar"));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${at("bin/true")}\n` });
    expect(Bun.spawnSync([at("bin/true")]).exitCode).toBe(0);
  });

  test("refuses what is damaged, and the next one can be loaded at once", async () => {
    await signed("-o", at("site.tar"), job("web.hcl"));
    const bytes = readFileSync(at("site.tar"));
    bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] ?? 0) ^ 4;
    writeFileSync(at("bad.tar"), bytes);
    const { code, stderr } = await load("-jobs", at("jobs"), at("bad.tar"));
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is damaged: expected sha256:"),
    });
    expect(existsSync(at("jobs"))).toBe(false);
    expect((await load(at("site.tar"))).code).toBe(0);
    expect((await load(at("none.tar"))).stderr).toContain("no such file");
    expect((await load(api.dir)).stderr).toContain("expected a file");
    expect((await run("load", at("site.tar"))).stderr).toContain("no key is trusted here");
  });
});

test("image key writes a pair that nothing is written over", async () => {
  expect((await run("key", at("a.key"))).stdout).toContain("a.key.pub is for the hosts");
  expect(statSync(at("a.key")).mode & 0o777).toBe(0o600);
  expect(await run("key", at("a.key"))).toMatchObject({ code: 1, stderr: expect.stringContaining("is there already") });
});
