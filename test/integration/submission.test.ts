import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { machineFiles, taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { bannerOf, consoleOf, jobFrom, machineOf } from "../helpers/in-process-agent.ts";
import { processesAt } from "../helpers/processes.ts";
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

  test("unchanged after its machine has failed gets another by the same version", async () => {
    await bed.submit();
    const { identity } = await machineOf(bed.agent, "running");
    process.kill(identity.pid, "SIGKILL");
    await machineOf(bed.agent, "ended");
    const again = await bed.submit();
    await machineOf(bed.agent, "running");
    expect(bed.agent.allocations({ jobId: "demo" }).map(({ jobVersion }) => jobVersion)).toEqual([0, 0]);
    expect(bed.agent.jobVersions("demo")).toEqual([again.job]);
  });

  test("is refused at any index but its own", async () => {
    const { job } = await bed.submit();
    const at = (enforceIndex: number) => bed.agent.registerJob(job.job, null, { enforceIndex });
    for (const index of [0, job.jobModifyIndex - 1, job.jobModifyIndex + 1]) {
      await expect(at(index)).rejects.toThrow(
        `was to be changed at index ${index}, but it has index ${job.jobModifyIndex}`,
      );
    }
    expect((await at(job.jobModifyIndex)).job.version).toBe(0);
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

test("what only sticky differs in is updated in place: a former version had another default for it", async () => {
  await bed.submit();
  const before = await machineOf(bed.agent, "running");
  const again = await bed.submit({ group: "ephemeral_disk {\n sticky = false\n }" });
  expect(again.job.version).toBe(1);
  expect((await machineOf(bed.agent, "running")).identity).toEqual(before.identity);
});

describe("on a disk that takes its time", () => {
  const order: string[] = [];
  let disk = Promise.withResolvers<void>();
  const slow = {
    beforeSync: async () => {
      order.push("begun");
      await disk.promise;
      order.push("done");
    },
  };
  beforeEach(async () => {
    order.length = 0;
    disk = Promise.withResolvers();
    await bed.restart(undefined, slow);
  });

  /** Once all is made that stands before the start of QEMU, which would follow in the same turn. */
  const aboutToStart = () =>
    until("the machine to be about to start", () => {
      const [placed] = bed.agent.allocations({ jobId: "demo" });
      return placed !== undefined && existsSync(machineFiles(taskDirs(bed.dirs, placed.id, "vm"), 1).intent);
    });

  test("whoever hands in a job is answered once it is there, also when nothing starts", async () => {
    const answered = bed.submit({ id: "none", group: "count = 0" }).then(() => order.push("answered"));
    await until("the disk to be asked", () => order.includes("begun"));
    disk.resolve();
    await answered;
    expect(order).toEqual(["begun", "done", "answered"]);
  });

  test("a machine does not start before its job and its start are there, which go there together", async () => {
    const answered = bed.submit().then(() => order.push("answered"));
    await aboutToStart();
    expect(processesAt(bed.dir.path)).toEqual([]);
    disk.resolve();
    await answered;
    await machineOf(bed.agent, "running");
    expect(order).toEqual(["begun", "done", "answered"]);
  });

  test("an agent that ends meanwhile starts nothing, and the next one does", async () => {
    // Nobody is there to answer any more.
    const answered = bed.submit().catch(() => undefined);
    await aboutToStart();
    await bed.restart(async () => {
      disk.resolve();
      await answered;
      expect(processesAt(bed.dir.path)).toEqual([]);
    });
    await machineOf(bed.agent, "running");
    expect(bed.agent.allocations({ jobId: "demo" })).toHaveLength(1);
  });
});
