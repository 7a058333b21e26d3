import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { rangeReply, startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

const MIB = 1 << 20;

test("an agent that is killed, killed again and stopped while it downloads goes on each time, and the machine boots", async () => {
  const image = demoImage();
  const body = Buffer.concat([image, randomBytes(8 * MIB - image.length)]);
  const file = { body, etag: '"one"' };
  await using origin = await startOrigin({
    // 3 MB/s: some checkpoints are made on the way.
    "/disk.img": {
      kind: "each",
      answer: (request) => rangeReply(request, file, { pace: { chunk: 48 << 10, every: 15 } }),
    },
  });
  await using agent = await startImageAgent();
  const sum = createHash("sha256").update(body).digest("hex");
  const task = `artifact {\n source = "${origin.url("/disk.img")}"\n options {\n checksum = "sha256:${sum}"\n }\n }`;
  const text = jobText({ image: "local/disk.img", task });
  const run = await agent.run(["job", "run", "-detach", agent.jobFile(text)]);
  expect(run).toMatchObject({ code: 0 });
  const alloc = join(agent.dirs.dataDir, "alloc", (await newest(agent)).id);
  const journal = (): string | undefined => readdirSync(alloc).find((name) => name.endsWith(".download"));
  for (const [how, more] of [
    ["kill", 0.4],
    ["kill", 0.9],
    ["stop", 0.2],
  ] as const) {
    await until("a checkpoint", () => journal() !== undefined);
    const before = origin.served();
    await until("more of the file", () => origin.served() >= before + more * MIB);
    await agent[how]();
    expect(readdirSync(join(alloc, "vm", "local"))).toEqual(["disk.img.part"]);
    await agent.start();
  }
  await until("the machine to run", async () => (await newest(agent)).vm.State === "running");
  const { vm } = await newest(agent);
  expect(vm.Events.map(({ DisplayMessage }) => DisplayMessage)).toContainEqual(
    expect.stringMatching(/fetched .*: 8 MiB in .*, .* of it were there from an earlier try/),
  );
  expect(origin.requests.at(-1)?.headers["if-range"]).toBe('"one"');
  expect(origin.served()).toBeLessThan(2 * body.length);
  expect(journal()).toBeUndefined();
  expect(readdirSync(join(alloc, "vm", "local"))).toEqual(["disk.img"]);
}, 60_000);
