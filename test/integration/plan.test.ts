import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import type { JobPlan } from "../../src/agent/plan/plan-job.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { type DemoJob, demoJob, machineOf, newestOf } from "../helpers/in-process-agent.ts";
import { freePort } from "../helpers/ports.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/** What is not as it should be, by topic. */
const troubles = ({ findings }: JobPlan, topic: string): string[] =>
  findings.filter((one) => one.topic === topic && !one.ok).map(({ text }) => text);

const texts = ({ findings }: JobPlan, topic: string): string[] =>
  findings.filter((one) => one.topic === topic).map(({ text }) => text);

describe("a plan", () => {
  const bed = agentPerTest();
  const plan = (more?: DemoJob): Promise<JobPlan> => bed.agent.planJob(demoJob(bed.image, more));

  /** What became of the allocation that ran, in the words of a plan. */
  async function outcomeOf(more: DemoJob): Promise<string> {
    const before = newestOf(bed.agent);
    const version = bed.agent.job("demo").version;
    try {
      await bed.submit(more);
    } catch {
      return "refused";
    }
    const after = newestOf(bed.agent);
    if (after?.id !== before?.id) return "create/destroy update";
    if (bed.agent.job("demo").version === version) return "ignore";
    return after?.desired === "run" ? "in-place update" : "destroy";
  }

  test.each<[what: string, action: string, DemoJob]>([
    ["nothing", "ignore", {}],
    ["times", "in-place update", { task: 'kill_timeout = "9s"', restart: "attempts = 1" }],
    ["sticky", "in-place update", { group: "ephemeral_disk {\n sticky = false\n }" }],
    ["meta and env", "in-place update", { task: 'meta {\n a = "b"\n }\n env {\n A = "b"\n }' }],
    ["args", "create/destroy update", { config: 'args = ["-smp", "2"]' }],
    ["the size of the disk", "create/destroy update", { group: "ephemeral_disk {\n size = 400\n }" }],
    ["count = 0", "destroy", { group: "count = 0" }],
    ["a constraint", "refused", { task: 'constraint {\n attribute = "${attr.cpu.arch}"\n value = "vax"\n }' }],
    ["an emulator", "refused", { config: 'emulator = "vax"' }],
    ["a source", "refused", { config: 'args = ["-smp"]', task: 'artifact {\n source = "/etc/passwd"\n }' }],
  ])("tells what run does then, with another %s: %s", async (_what, action, more) => {
    await bed.submit();
    await machineOf(bed.agent, "running");
    const told = await plan(more);
    expect(told.refused.length > 0 ? "refused" : told.groups.map((one) => one.action).join()).toBe(action);
    expect(bed.agent.job("demo")).toMatchObject({ version: 0 });
    expect(await outcomeOf(more)).toBe(action);
  });

  test("of a job that is new, or that was stopped, makes a machine, and changes nothing", async () => {
    const before = bed.agent.changes.index;
    expect(await plan()).toMatchObject({
      previous: undefined,
      groups: [{ action: "create", allocationId: null }],
      refused: [],
    });
    expect(bed.agent.changes.index).toBe(before);
    expect(readdirSync(bed.dirs.dataDir)).not.toContain("alloc");
    await bed.submit();
    await machineOf(bed.agent, "running");
    await bed.agent.deregisterJob("demo", { purge: false, force: "SIGKILL" });
    await machineOf(bed.agent, "ended");
    expect(await plan()).toMatchObject({ previous: { stop: true }, groups: [{ action: "create" }] });
  });

  test("tells every constraint with what was found, and what a node of that kind lacks", async () => {
    const { findings, refused } = await plan({
      task: 'constraint {\n attribute = "${attr.kernel.name}"\n value = "linux"\n }\n constraint {\n attribute = "${meta.rack}"\n value = "r1"\n }',
    });
    const [kernel, rack] = findings
      .filter(({ topic, where }) => topic === "constraint" && where.includes("task"))
      .slice(1);
    expect(kernel).toMatchObject({ ok: true, text: 'Constraint "${attr.kernel.name} = linux": found "linux"' });
    expect(rack).toMatchObject({ ok: false, text: 'Constraint "${meta.rack} = r1": not found on this node' });
    expect(refused).toEqual([`job "demo" does not fit this node: group "g", task "vm": ${rack?.text}`]);
  });

  test("names the machine that writes to the image, and tells the job's own from it", async () => {
    await bed.submit();
    const { identity } = await machineOf(bed.agent, "running");
    const other = await plan({ id: "other" });
    expect(troubles(other, "image")).toEqual([expect.stringContaining(`QEMU is process ${identity.pid}`)]);
    expect(troubles(await plan({ id: "other", config: 'args = ["-snapshot"]' }), "image")).toHaveLength(1);
    expect(troubles(await plan({ config: 'args = ["-smp", "2"]' }), "image")).toEqual([]);
    await bed.submit({ config: 'args = ["-snapshot"]' });
    const { identity: reader } = await machineOf(bed.agent, "running");
    expect(troubles(await plan({ id: "other" }), "image")).toEqual([
      expect.stringMatching(new RegExp(`is read by .* QEMU is process ${reader.pid}`)),
    ]);
    expect(troubles(await plan({ id: "other", config: 'disk = "overlay"' }), "image")).toEqual([]);
    const gone = await bed.agent.planJob(demoJob(`${bed.image}.gone`));
    expect(troubles(gone, "image")).toEqual([expect.stringContaining("no such file")]);
    const nowhere = await bed.agent.planJob(demoJob("local/demo.img"));
    expect(troubles(nowhere, "image")).toEqual([expect.stringContaining("no artifact that brings it")]);
    const unknown = await plan({ id: "other", config: 'args = ["${attr.nonsense}"]' });
    expect(troubles(unknown, "image")).toEqual([expect.stringContaining("config.args[0]")]);
  });

  test("names who has a port, another job or another program, and not the machine that goes", async () => {
    const port = await freePort();
    const group = `network {\n port "web" {\n static = ${port}\n to = 80\n }\n }`;
    await using server = createServer().listen(port, "127.0.0.1");
    await until("the program to listen", () => server.listening);
    expect(troubles(await plan({ group }), "port")).toEqual([expect.stringContaining(`port ${port}/tcp is in use by`)]);
    await new Promise((resolve) => server.close(resolve));
    await bed.submit({ group });
    await machineOf(bed.agent, "running");
    const own = await plan({ group, config: 'args = ["-smp", "2"]' });
    expect(texts(own, "port")).toEqual([`web: ${port} → guest 80`]);
    expect(troubles(own, "port")).toEqual([]);
    const other = await plan({ id: "other", group });
    expect(other.failures).toMatchObject([{ group: "g" }]);
    expect(troubles(other, "port")).toEqual([expect.stringContaining('of job "demo"')]);
  });

  test("tells what there is of the host and what lacks", async () => {
    bed.running.close();
    await bed.start({ capacity: { total: { cpu: 1000, cores: 1, memory: 300, disk: 1000 } } });
    await bed.submit();
    expect(texts(await plan({ id: "other" }), "resource")).toContain("memory: 128 MiB, 172 of 300 MiB free");
    const larger = await plan({ id: "other", group: "ephemeral_disk {\n size = 2000\n }" });
    expect(troubles(larger, "resource")).toEqual([expect.stringContaining("disk: 2000 MiB needed")]);
    expect(larger).toMatchObject({ refused: [], groups: [{ action: "create" }], failures: [{ group: "g" }] });
  });
});

describe("a plan of a job that fetches its image", () => {
  const bench = fetchedDiskBench();

  test("tells what is in the cache already, what is fetched, and that a disk moves along or is left behind", async () => {
    const { agent } = bench.bed;
    const fresh = await agent.planJob(bench.jobOf("demo"));
    expect(texts(fresh, "artifact")).toEqual([`${bench.origin.url("/demo.img")}: not in the cache, it is fetched`]);
    await bench.run("demo");
    await machineOf(agent, "running");
    const cached = await agent.planJob(bench.jobOf("other"));
    expect(texts(cached, "artifact")).toEqual([expect.stringMatching(/: in the cache, .*: nothing is fetched$/)]);
    const requests = bench.origin.requests.length;
    const asked = await agent.planJob(bench.jobOf("other", { options: 'archive = "false"' }));
    expect(texts(asked, "artifact")).toEqual([expect.stringMatching(/not in the cache, it is fetched$/)]);
    const moves = await agent.planJob(bench.jobOf("demo", { config: 'args = ["-smp", "2"]' }));
    expect(texts(moves, "disk")).toEqual([expect.stringContaining("its disk moves along")]);
    await until("the guest to write", async () => {
      const left = await agent.planJob(bench.jobOf("demo", { config: 'disk = "copy"' }));
      return troubles(left, "disk").some((text) => text.includes("DISCARDS the disk"));
    });
    expect(bench.origin.requests).toHaveLength(requests);
  });

  test("names what an agent without a network lacks", async () => {
    bench.bed.running.close();
    await bench.bed.start({ site: { offline: true, trustedKeys: null } });
    const told = await bench.bed.agent.planJob(bench.jobOf("demo"));
    expect(troubles(told, "artifact")).toEqual([
      expect.stringContaining("not in the cache, and this agent is told to be offline"),
    ]);
    expect(told.refused).toEqual([expect.stringContaining(bench.origin.url("/demo.img"))]);
  });

  test("without a network knows what was fetched before by its request, and reads no list of checksums", async () => {
    await bench.run("other", { options: "" });
    await machineOf(bench.bed.agent, "running", "other");
    bench.bed.running.close();
    await bench.bed.start({ site: { offline: true, trustedKeys: null } });
    const listed = bench.jobOf("demo", { options: `checksum = "file:${bench.origin.url("/SUMS")}"` });
    expect(texts(await bench.bed.agent.planJob(listed), "artifact")).toEqual([
      expect.stringMatching(/: in the cache, .*: nothing is fetched$/),
    ]);
  });
});
