import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { demoDisk } from "../helpers/demo-disk.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { startOrigin } from "../helpers/origin.ts";
import { until } from "../helpers/until.ts";

test("what has ended goes by the binary's own Worker, and a guest's disk only when somebody discards it", async () => {
  await using agent = await startImageAgent();
  const disk = demoDisk();
  await using origin = await startOrigin({ "/disk.img": { kind: "bytes", body: disk } });
  const allocs = join(agent.dirs.dataDir, "alloc");
  const run = async (config: string, ...flags: readonly string[]): Promise<string> => {
    const task = `artifact {\n source = "${origin.url("/disk.img")}"\n }`;
    const file = agent.jobFile(jobText({ image: "local/disk.img", config, task }));
    expect(await agent.run(["job", "run", ...flags, file])).toMatchObject({ code: 0 });
    await until("the guest to write its disk", async () =>
      (await agent.run(["logs", "demo"])).stdout.includes("boot="),
    );
    return (await newest(agent)).id;
  };
  const first = await run("");
  // Nothing of it moves along, so that its place is taken and its disk stays where it is.
  const second = await run('disk = "copy"', "-discard");
  expect(readdirSync(allocs).toSorted()).toEqual([first, second].toSorted());
  const purged = await agent.run(["job", "stop", "-purge", "demo"]);
  expect(purged).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^note: the disk of task "vm" \(allocation /m),
  });

  const kept = await agent.run(["system", "gc"]);
  expect(kept).toMatchObject({ code: 0, stderr: expect.stringMatching(/ is kept until 20.*disk\.(qcow2|img)$/m) });
  expect(existsSync(join(allocs, first))).toBe(true);
  const gone = await agent.run(["system", "gc", "-discard"]);
  expect(gone).toMatchObject({ code: 0, stdout: expect.stringContaining(first.slice(0, 8)) });
  expect(readdirSync(allocs)).toEqual([]);
  expect(await agent.run(["alloc", "status", first.slice(0, 8)])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/was removed 20\S+Z by garbage collection \(asked\)/),
  });
  expect(await agent.run(["image", "prune", "-all"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("removed 1"),
  });
  expect(readdirSync(join(agent.dirs.dataDir, "cache", "sha256"))).toEqual([]);
}, 60_000);
