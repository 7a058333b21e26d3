import { expect, setDefaultTimeout, test } from "bun:test";
import { SECOND } from "../../src/base/units.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, idOf, machineOf, newestOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

const service = (interval: string): string => `
    network {\n port "web" { to = 80 }\n}
    service {\n port = "web"\n check {\n name = "alive"\n type = "tcp"\n interval = "${interval}"\n timeout = "1s"\n }\n }`;

test("what QEMU does not see changes while the machine runs, and holds for its stop, over an agent's restart too", async () => {
  await bed.submit();
  const { identity } = await machineOf(bed.agent, "running");
  await bannerOf(bed.agent);
  const id = idOf(bed.agent);
  const task =
    'kill_timeout = "17s"\n env { A = "b" }\n meta { owner = "me" }\n logs {\n max_files = 2\n max_file_size = 1\n }';
  const changed = await bed.submit({ task, restart: 'attempts = 7\n interval = "1h"', type: "batch" });
  expect([changed.job.version, changed.warnings]).toEqual([1, []]);
  expect(newestOf(bed.agent)).toMatchObject({ id, jobVersion: 1, evalId: changed.evaluation.id, desired: "run" });
  expect((await machineOf(bed.agent, "running")).identity).toEqual(identity);

  await bed.restart();
  expect((await machineOf(bed.agent, "running")).identity).toEqual(identity);
  expect(newestOf(bed.agent)).toMatchObject({ id, jobVersion: 1, evalId: changed.evaluation.id });
  await bed.agent.deregisterJob("demo", { purge: false });
  const { ending } = await machineOf(bed.agent, "ended");
  expect(ending.stop?.order.killTimeout).toBe((17 * SECOND) / 1e6);
  expect(bed.agent.jobVersions("demo").map(({ version }) => version)).toEqual([1, 0]);
});

test("of many changes in place, and of many that never came to a machine, the last six versions stay", async () => {
  const versions = (): number[] => bed.agent.jobVersions("demo").map(({ version }) => version);
  await bed.submit();
  await machineOf(bed.agent, "running");
  for (let seconds = 1; seconds <= 9; seconds++) await bed.submit({ task: `kill_timeout = "${seconds}s"` });
  expect(versions()).toEqual([9, 8, 7, 6, 5, 4]);
  for (let more = 1; more <= 7; more++) {
    await bed.submit({ group: `ephemeral_disk {\n size = ${2 ** 40 + more}\n }` });
  }
  expect(bed.agent.job("demo").waiting).toBeDefined();
  expect(versions()).toEqual([16, 15, 14, 13, 12, 11, 9]);
  await bed.submit({ task: 'kill_timeout = "1s"' });
  expect(bed.agent.job("demo").waiting).toBeUndefined();
  expect(bed.agent.evaluations({ jobId: "demo" }).filter(({ status }) => status === "blocked")).toEqual([]);
});

test("a check that is changed is asked as it is now, and what else changed leaves checks alone", async () => {
  await bed.submit({ group: service("1s") });
  const { identity } = await machineOf(bed.agent, "running");
  const first = await until("a result", () =>
    bed.agent.checks(idOf(bed.agent)).find(({ state }) => state.at !== null && state.output !== ""),
  );
  expect(first.spec.interval).toBe(1000);
  await bed.submit({ group: service("1s"), task: 'kill_timeout = "9s"' });
  expect(bed.agent.checks(idOf(bed.agent))[0]?.state.output).not.toBe("");
  await bed.submit({ group: service("90s") });
  expect(bed.agent.checks(idOf(bed.agent)).map(({ spec }) => spec.interval)).toEqual([90_000]);
  await bed.submit();
  // A port that goes is one that QEMU was told of.
  await until("another machine", async () => (await machineOf(bed.agent, "running")).identity.pid !== identity.pid);
  expect(bed.agent.checks(idOf(bed.agent))).toEqual([]);
});

test("meta that stands in args is a part of them: the machine is replaced", async () => {
  const config = 'args = ["-smbios", "type=1,serial=${NOMAD_META_owner}"]';
  await bed.submit({ config, task: 'meta { owner = "me" }' });
  const { identity } = await machineOf(bed.agent, "running");
  const { warnings } = await bed.submit({ config, task: 'meta { owner = "you" }' });
  expect(warnings.join()).toContain("is stopped and replaced");
  await until("another machine", async () => (await machineOf(bed.agent, "running")).identity.pid !== identity.pid);
  expect(newestOf(bed.agent)?.jobVersion).toBe(1);
});

test("a job that was stopped is run anew and not updated, and count = 0 stops its machine", async () => {
  await bed.submit();
  await machineOf(bed.agent, "running");
  await bed.submit({ group: "count = 0" });
  await machineOf(bed.agent, "ended");
  expect(bed.agent.allocations({ jobId: "demo" })).toHaveLength(1);
  await bed.submit({ task: 'kill_timeout = "9s"' });
  await machineOf(bed.agent, "running");
  expect(newestOf(bed.agent)).toMatchObject({ jobVersion: 2 });
  await bed.agent.deregisterJob("demo", { purge: false, force: "SIGKILL" });
  await bed.submit({ task: 'kill_timeout = "10s"' });
  await until("a third", () => bed.agent.allocations({ jobId: "demo" }).length === 3);
  await machineOf(bed.agent, "running");
});
