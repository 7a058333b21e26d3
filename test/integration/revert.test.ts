import { expect, setDefaultTimeout, test } from "bun:test";
import { createApi } from "../../src/api/app.ts";
import { silentLog } from "../../src/base/log.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { consoleOf, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { patiently } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bench = fetchedDiskBench();

async function put(path: string, body: object): Promise<string> {
  const api = createApi(bench.bed.agent, { log: silentLog, version: "1", httpAddress: "" });
  const request = new Request(`http://localhost${path}`, { method: "PUT", body: JSON.stringify(body) });
  const response = await api.fetch(request);
  const text = await response.text();
  expect({ status: response.status, text }).toEqual({ status: 200, text });
  return text;
}

test("a job goes back to an earlier version and its disk goes along; scaled to none and back, too", async () => {
  const { agent } = bench.bed;
  const boots = (count: number): Promise<unknown> =>
    patiently(`boot ${count}`, async () => (await consoleOf(agent)).includes(`boot=${count}`));
  await bench.run("demo");
  await machineOf(agent, "running");
  await boots(1);
  await bench.run("demo", { config: 'args = ["-smp", "2"]' });
  await boots(2);
  await put("/v1/job/demo/revert", { JobVersion: 0, EnforcePriorVersion: 1 });
  await boots(3);
  expect(agent.jobVersions("demo").map(({ version }) => version)).toEqual([2, 1, 0]);
  expect(agent.launchPlan(idOf(agent), "vm").argv.map(({ word }) => word)).not.toContain("-smp");

  const told = await put("/v1/job/demo/scale", { Count: 0, Target: { Group: "g" } });
  expect(told).toContain("is stopped; its disk waits for the next one in its place, for 168h");
  await machineOf(agent, "ended");
  expect(agent.job("demo")).toMatchObject({ version: 3, stop: false });
  await put("/v1/job/demo/scale", { Count: 1 });
  await boots(4);
});
