import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { demoDisk } from "../helpers/demo-disk.ts";
import { hexOf } from "../helpers/hash.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { startOrigin } from "../helpers/origin.ts";
import { runPaddock } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

test("what a laptop without an agent bundled runs on an agent without a network, which asks nobody for anything", async () => {
  const disk = demoDisk();
  const seed = Buffer.alloc(1 << 20, "seed");
  await using laptop = tempDir();
  const made = (args: readonly string[]) =>
    runPaddock(["image", ...args], {
      cwd: laptop.path,
      env: { XDG_CACHE_HOME: laptop.file("cache") },
      deadline: 60_000,
    });
  await using origin = await startOrigin({
    "/disk.img": { kind: "bytes", body: disk },
    "/seed.iso": { kind: "bytes", body: seed },
  });
  const checksum = `options {\n checksum = "sha512:${hexOf(seed, "sha512")}"\n }`;
  const text = jobText({
    image: "local/disk.img",
    config: 'args = ["-cdrom", "local/seed.iso"]',
    // One that nothing proves but the signature of the bundle, and one with a checksum.
    task: `artifact {\n source = "${origin.url("/disk.img")}"\n }\nartifact {\n source = "${origin.url("/seed.iso")}"\n ${checksum}\n }`,
  });
  writeFileSync(laptop.file("demo.hcl"), text);
  expect(await made(["key", "site.key"])).toMatchObject({ code: 0 });
  const bundled = await made(["bundle", "-o", "site.tar", "-key", "site.key", "-binary", "self", "demo.hcl"]);
  expect(bundled).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^site\.tar: 1 job file, 2 artifacts, 1 binary, .*signed/),
  });
  const fetched = origin.requests.length;

  await using site = tempDir();
  const keys = site.file("keys.pem");
  writeFileSync(keys, readFileSync(laptop.file("site.key.pub")));
  const config = `client {\n offline = true\n trusted_keys = "${keys}"\n memory_total_mb = 100000\n cpu_total_compute = 100000\n}`;
  await using agent = await startImageAgent({ config });
  const refused = await agent.run(["job", "run", laptop.file("demo.hcl")]);
  expect(refused.code).toBe(1);
  for (const word of [origin.url("/disk.img"), origin.url("/seed.iso"), "paddock image load site.tar"]) {
    expect(refused.stderr).toContain(word);
  }

  mkdirSync(site.file("bin"));
  const places = ["-jobs", site.file("jobs"), "-binaries", site.file("bin")];
  const loaded = await agent.run(["image", "load", ...places, laptop.file("site.tar")], { deadline: 60_000 });
  expect(loaded).toMatchObject({ code: 0, stderr: expect.stringContaining("2 artifacts loaded") });
  const [job = "", program = ""] = loaded.stdout.trim().split("\n");
  expect(readFileSync(job, "utf8")).toBe(text);
  expect(Bun.spawnSync([program, "version"]).stdout.toString()).toStartWith("paddock ");

  expect(await agent.run(["job", "run", job])).toMatchObject({ code: 0 });
  await until("the guest to speak", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
  expect((await newest(agent)).vm.State).toBe("running");
  expect(origin.requests).toHaveLength(fetched);
  expect(await agent.run(["job", "stop", "demo"])).toMatchObject({ code: 0 });
});
