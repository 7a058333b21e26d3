import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { demoImage } from "../../src/guest/demo-image.ts";
import { GNU_MAGIC, octal, type TarEntry, tarOf, zipOf } from "../helpers/archives.ts";
import { type ImageAgent, jobText, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";
import { xzOf } from "../helpers/xz.ts";

setDefaultTimeout(60_000);

const GIB = 2 ** 30;

/** What `tar --sparse --format=oldgnu -czf disk.tar.gz disk.raw` makes of the demo guest's disk grown to a gibibyte. */
function sparseTarball(): Buffer {
  const body = demoImage();
  const raw = { 386: `${octal(0, 11)}\0${octal(body.length, 11)}\0`, 483: octal(GIB, 11) };
  return gzipSync(tarOf({ name: "disk.raw", type: "S", body, magic: GNU_MAGIC, raw }));
}

async function boot(agent: ImageAgent, source: string, image: string): Promise<void> {
  const task = `artifact {\n source = "${source}"\n }`;
  const run = await agent.run(["job", "run", agent.jobFile(jobText({ image: `local/${image}`, task }))]);
  expect(run).toMatchObject({ code: 0 });
  await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
}

function imageBelow(agent: ImageAgent, name: string): string {
  const alloc = join(agent.dirs.dataDir, "alloc");
  const found = readdirSync(alloc, { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(`/local/${name}`),
  );
  return join(alloc, found ?? name);
}

describe("a machine boots", () => {
  test("from the sparse disk of a tarball, and the disk keeps its holes", async () => {
    await using origin = await startOrigin({ "/disk.tar.gz": { kind: "bytes", body: sparseTarball() } });
    await using agent = await startImageAgent();
    await boot(agent, origin.url("/disk.tar.gz"), "disk.raw");
    const { size, blocks } = statSync(imageBelow(agent, "disk.raw"));
    expect(size).toBe(GIB);
    expect(blocks * 512).toBeLessThan(1 << 20);
    const status = await agent.run(["status", "demo"]);
    expect(status.stdout).toContain("unpacked 1 file, 1 GiB in");
  });

  test.each([
    ["disk.img.xz", xzOf(demoImage()), "disk.img"],
    ["disk.img.zst", zstdCompressSync(demoImage()), "disk.img"],
    ["image.zip", zipOf({ name: "vm/disk.raw", body: demoImage() }), "vm/disk.raw"],
  ])("from %s", async (name, body, image) => {
    await using origin = await startOrigin({ [`/${name}`]: { kind: "bytes", body } });
    await using agent = await startImageAgent();
    await boot(agent, origin.url(`/${name}`), image);
  });
});

test.each<[string, readonly TarEntry[], string]>([
  [
    "that climbs out",
    [{ name: "ok" }, { name: "../../../escaped", body: "x" }],
    'entry "../../../escaped": a name with .. in it',
  ],
  [
    "that writes through a link",
    [
      { name: "l", type: "2", link: "d" },
      { name: "l/x", body: "x" },
    ],
    'entry "l/x": "l" in its way is another entry of the archive',
  ],
  ["with a terminal's escape sequence", [{ name: "a\u001b]0;owned\u0007" }], 'entry "a\\u001b]0;owned\\u0007"'],
])("an archive %s is refused with the entry's name, and leaves nothing", async (_, entries, message) => {
  await using origin = await startOrigin({ "/a.tar": { kind: "bytes", body: tarOf(...entries) } });
  await using agent = await startImageAgent();
  const task = `artifact {\n source = "${origin.url("/a.tar")}"\n }`;
  const run = await agent.run(["job", "run", agent.jobFile(jobText({ image: "local/disk.raw", task }))]);
  expect(run.code).toBe(1);
  expect(run.stdout + run.stderr).toContain(message);
  expect(run.stdout + run.stderr).not.toContain("\u001b");
  const files = readdirSync(agent.dirs.dataDir, { recursive: true, encoding: "utf8" });
  expect(files.filter((path) => /\.archive-|\.unpacked-|\/ok$|escaped/.test(path))).toEqual([]);
  await agent.run(["stop", "-purge", "demo"]);
  await expectNoLeaks({ dir: join(agent.dirs.dataDir, "alloc") });
});
