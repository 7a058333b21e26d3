import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, consoleOf, jobFrom, machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

describe("a job that is submitted again", () => {
  test("unchanged leaves its machine alone", async () => {
    await bed.submit();
    const before = await machineOf(bed.agent, "running");
    const again = await bed.submit();
    expect(again.job.version).toBe(0);
    expect(bed.agent.allocations({ jobId: "demo" })).toHaveLength(1);
    expect((await machineOf(bed.agent, "running")).identity).toEqual(before.identity);
  });

  test("changed waits for the old machine to end before the new one takes its disk", async () => {
    await bed.submit();
    await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    const changed = await bed.submit({ config: 'args = ["-smp", "2"]' });
    expect(changed.job.version).toBe(1);
    expect(changed.warnings[0]).toContain("is stopped and replaced");
    await machineOf(bed.agent, "running");
    const [old, now] = bed.agent.allocations({ jobId: "demo" });
    expect(old?.tasks["vm"]?.machine).toMatchObject({
      kind: "ended",
      ending: { stop: { order: { cause: "job updated" } } },
    });
    expect(now?.jobVersion).toBe(1);
    expect(bed.agent.jobVersions("demo").map(({ version }) => version)).toEqual([1, 0]);
    await until("the second boot", async () => (await consoleOf(bed.agent)).includes("cpus=2 mem=128M boot=2"));
  });
});

test("a job of the name of one that was purged has none of its versions", async () => {
  await bed.submit();
  await bed.agent.deregisterJob("demo", { purge: true, force: "SIGKILL" });
  expect(() => bed.agent.jobVersions("demo")).toThrow(expect.objectContaining({ code: "not_found" }));
  const { job } = await bed.submit();
  expect(bed.agent.jobVersions("demo")).toEqual([job]);
});

test("a job that asks for what the node lacks is refused with every failing constraint and what was found", async () => {
  const job = jobFrom(`
job "demo" {
  constraint {
    attribute = "\${attr.driver.qemu.version}"
    operator  = ">"
    value     = "99.0.0"
  }
  constraint {
    attribute = "\${meta.rack}"
    value     = "r1"
  }
  group "g" {
    task "vm" {
      driver = "qemu"
      config { image_path = "${bed.image}" }
    }
  }
}`);
  const version = bed.agent.node.attributes["driver.qemu.version"] ?? "";
  await expect(bed.agent.registerJob(job, null, {})).rejects.toThrow(
    new RegExp(`does not fit this node:[\\s\\S]*99\\.0\\.0[\\s\\S]*${version}[\\s\\S]*meta\\.rack`),
  );
  expect(bed.agent.jobs("")).toEqual([]);
  expect(existsSync(bed.dir.file("data", "alloc"))).toBe(false);
});

test("what only sticky differs in is the same job: a former version had another default for it", async () => {
  await bed.submit();
  const before = await machineOf(bed.agent, "running");
  const again = await bed.submit({ group: "ephemeral_disk {\n sticky = false\n }" });
  expect(again.job.version).toBe(0);
  expect((await machineOf(bed.agent, "running")).identity).toEqual(before.identity);
  // A word of that name elsewhere is another job.
  const changed = await bed.submit({ task: "env = { sticky = true }" });
  expect(changed.job.version).toBe(1);
});
