import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

test("an image that was pulled boots without its server, is read again by the binary's own Worker, and goes when nobody uses it", async () => {
  const body = Buffer.concat([demoImage(), Buffer.alloc(DEMO_DISK_BYTES - demoImage().length)]);
  const sum = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  await using agent = await startImageAgent();
  const origin = await startOrigin({ "/disk.img": { kind: "bytes", body } });
  const source = origin.url("/disk.img");
  try {
    expect(await agent.run(["image", "pull", source])).toMatchObject({ code: 0, stdout: `${sum}\n` });
  } finally {
    await origin[Symbol.asyncDispose]();
  }
  const task = `artifact {\n source = "${source}"\n options {\n checksum = "${sum}"\n }\n }`;
  expect(
    await agent.run(["job", "run", "-detach", agent.jobFile(jobText({ image: "local/disk.img", task }))]),
  ).toMatchObject({ code: 0 });
  await until("the machine to run", async () => (await newest(agent)).vm.State === "running");
  const verified = await agent.run(["image", "verify"]);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sound {4}sha256:/) });
  const inspected = await agent.run(["image", "inspect", sum]);
  expect(inspected).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Format += raw$/m) });
  const { stdout } = await agent.run(["image", "ls", "-json"]);
  const { Images } = JSON.parse(stdout) as { Images: { Links: number; Users: { JobID: string }[] }[] };
  // The boot image is a copy, or an overlay over the cache's own file.
  const used = Images[0]?.Links !== 0;
  expect(await agent.run(["image", "rm", sum])).toMatchObject({ code: used ? 1 : 0 });
  if (used) expect(Images[0]?.Users.map(({ JobID }) => JobID)).toEqual(["demo"]);
}, 60_000);
