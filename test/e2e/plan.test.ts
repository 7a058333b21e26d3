import { expect, setDefaultTimeout, test } from "bun:test";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";

setDefaultTimeout(60_000);

test("what plan says is what run does: a machine is made, goes on, is updated in place, and is replaced", async () => {
  await using agent = await startImageAgent();
  const image = agent.demoDisk();
  const secret = 'env {\n TOKEN = "s3cr3t-token"\n }';
  const file = (more: string, memory = 128): string =>
    agent.jobFile(jobText({ image, memory, task: `${secret}\n${more}` }));
  const plan = async (path: string) => {
    const { code, stdout, stderr } = await agent.run(["job", "plan", "-verbose", path]);
    expect(stdout + stderr).not.toContain("s3cr3t-token");
    const [, index] = /^Job Modify Index: (\d+)$/m.exec(stdout) ?? [];
    return { code, stdout, index: index ?? "" };
  };

  const made = await plan(file(""));
  expect([made.code, made.index]).toEqual([1, "0"]);
  expect(made.stdout).toContain('+ Task Group: "g" (1 create)');
  expect(await agent.run(["run", "-check-index", made.index, file("")])).toMatchObject({ code: 0 });
  const first = await newest(agent);

  expect((await plan(file(""))).code).toBe(0);
  const longer = await plan(file('kill_timeout = "9s"'));
  expect(longer.code).toBe(0);
  expect(longer.stdout).toContain('+/- Task: "vm" (forces in-place update)');
  const updated = await agent.run(["run", "-check-index", longer.index, file('kill_timeout = "9s"')]);
  expect(updated.stderr).toContain("is updated in place and goes on");
  expect(await newest(agent)).toMatchObject({ id: first.id, vm: { Paddock: { Pid: first.vm.Paddock.Pid } } });

  const stale = await agent.run(["run", "-check-index", longer.index, file("", 256)]);
  expect([stale.code, stale.stderr]).toEqual([
    1,
    expect.stringContaining(`was to be changed at index ${longer.index}`),
  ]);
  const larger = await plan(file("", 256));
  expect(larger.code).toBe(1);
  expect(larger.stdout).toContain('is stopped and replaced: task "vm": resources.memory');
  expect(await agent.run(["run", "-check-index", larger.index, file("", 256)])).toMatchObject({ code: 0 });
  expect((await newest(agent)).id).not.toBe(first.id);
  expect((await agent.run(["plan", "nosuch.hcl"])).code).toBe(255);
  expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
});
