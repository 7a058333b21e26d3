import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../../src/cache/entry.ts";
import { demoImage } from "../../src/guest/demo-image.ts";
import { cacheDir } from "../../src/paths.ts";
import { hexOf } from "../helpers/hash.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { rangeReply, startOrigin } from "../helpers/origin.ts";
import { runProgram } from "../helpers/run.ts";
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
  const sum = hexOf(body);
  const task = `artifact {\n source = "${origin.url("/disk.img")}"\n options {\n checksum = "sha256:${sum}"\n }\n }`;
  const text = jobText({ image: "local/disk.img", task });
  const run = await agent.run(["job", "run", "-detach", agent.jobFile(text)]);
  expect(run).toMatchObject({ code: 0 });
  const local = join(agent.dirs.dataDir, "alloc", (await newest(agent)).id, "vm", "local");
  const cache = cacheDir(agent.dirs);
  const journal = (): string | undefined => namesIn(cache).find((name) => name.endsWith(".download"));
  const parts = (): string[] => readdirSync(join(cache, "parts"));
  for (const [how, more] of [
    ["kill", 0.4],
    ["kill", 0.9],
    ["stop", 0.2],
  ] as const) {
    await until("a checkpoint", () => journal() !== undefined);
    const before = origin.served();
    await until("more of the file", () => origin.served() >= before + more * MIB);
    await agent[how]();
    expect(readdirSync(local)).toEqual([]);
    expect(parts()).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.part$/)]);
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
  expect(parts()).toEqual([]);
  expect(readdirSync(local)).toEqual(["disk.img"]);
}, 60_000);

test("a second job with the same image fetches nothing, a kernel is the cache's own file, and the machine cannot write to it", async () => {
  const body = Buffer.concat([demoImage(), randomBytes(MIB)]);
  const sum = hexOf(body);
  await using origin = await startOrigin({ "/disk.img": { kind: "bytes", body } });
  await using agent = await startImageAgent();
  const text = (id: string): string =>
    jobText({
      id,
      image: "local/disk.img",
      config: 'args = ["-cdrom", "local/cd/disk.img"]',
      task: ["local/", "local/cd/"]
        .map(
          (destination) => `artifact {
  source      = "${origin.url("/disk.img")}"
  destination = "${destination}"
  options { checksum = "sha256:${sum}" }
}`,
        )
        .join("\n"),
    });
  for (const id of ["one", "two"]) {
    expect(await agent.run(["job", "run", "-detach", agent.jobFile(text(id))])).toMatchObject({ code: 0 });
    await until("the machine to run", async () => (await newest(agent, id)).vm.State === "running");
    const local = join(agent.dirs.dataDir, "alloc", (await newest(agent, id)).id, "vm", "local");
    const shared = statSync(join(local, "cd", "disk.img"));
    expect(shared).toMatchObject({ mode: 0o100444, uid: process.getuid?.() });
    expect(statSync(join(local, "disk.img")).ino).toBe(shared.ino);
  }
  expect(origin.requests).toHaveLength(1);
  const { vm, id } = await newest(agent, "two");
  const told = vm.Events.map(({ DisplayMessage }) => DisplayMessage);
  expect(told.filter((message) => message?.includes("comes from the cache, nothing was fetched: 1"))).toHaveLength(2);
  const shared = join(agent.dirs.dataDir, "alloc", id, "vm", "local", "cd", "disk.img");
  // The cache's own name, and of each machine the CD's, the image's and the one that keeps it for its disk.
  expect(statSync(shared).nlink).toBe(7);
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(join(shared, "..", "..", ".."));
  const write = await runProgram([
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "sh",
    "-c",
    'echo x >> "$0"; chmod u+w "$0"',
    shared,
  ]);
  expect(write.stderr).toContain("Permission denied");
  expect(write.stderr).toContain("Operation not permitted");
});
