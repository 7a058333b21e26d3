import { expect, test } from "bun:test";
import { demoDisk } from "../helpers/demo-disk.ts";
import { checksumOf } from "../helpers/hash.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

test("what was pulled boots without its server, is read again by the binary's own Worker, and goes when nobody uses it", async () => {
  const disk = demoDisk();
  const seed = Buffer.alloc(1 << 20, "seed");
  await using agent = await startImageAgent();
  const origin = await startOrigin({
    "/disk.img": { kind: "bytes", body: disk },
    "/seed.iso": { kind: "bytes", body: seed },
  });
  const artifact = (name: string, body: Uint8Array): string =>
    `artifact {\n source = "${origin.url(`/${name}`)}"\n options {\n checksum = "${checksumOf(body)}"\n }\n }`;
  try {
    for (const [name, body] of [
      ["disk.img", disk],
      ["seed.iso", seed],
    ] as const) {
      expect(await agent.run(["image", "pull", origin.url(`/${name}`)])).toMatchObject({
        code: 0,
        stdout: `${checksumOf(body)}\n`,
      });
    }
  } finally {
    await origin[Symbol.asyncDispose]();
  }
  // What args read is the cache's own file under another name.
  const text = jobText({
    image: "local/disk.img",
    config: 'args = ["-cdrom", "local/seed.iso"]',
    task: `${artifact("disk.img", disk)}\n${artifact("seed.iso", seed)}`,
  });
  expect(await agent.run(["job", "run", "-detach", agent.jobFile(text)])).toMatchObject({ code: 0 });
  await until("the machine to run", async () => (await newest(agent)).vm.State === "running");

  const verified = await agent.run(["image", "verify"]);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(sound {4}sha256:.*\n){2}$/) });
  const inspected = await agent.run(["image", "inspect", checksumOf(disk)]);
  expect(inspected).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Format += raw$/m) });
  const used = await agent.run(["image", "rm", checksumOf(seed)]);
  expect(used).toMatchObject({ code: 1, stderr: expect.stringMatching(/allocation [0-9a-f]{8} of job "demo"$/m) });
  expect((await agent.run(["image", "prune", "-all"])).code).toBe(0);
  expect((await agent.run(["image", "ls"])).stdout).toMatch(/ demo +seed\.iso$/m);

  expect((await agent.run(["job", "stop", "demo"])).code).toBe(0);
  const over = await agent.run(["image", "inspect", checksumOf(seed)]);
  expect(over.stdout).toMatch(/^Used by += demo \([0-9a-f]{8}\), which has ended$/m);
}, 60_000);
