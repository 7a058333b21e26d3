import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "../../src/agent/agent.ts";
import { type Cgroups, openCgroups } from "../../src/cgroup/groups.ts";
import { machineCgroup } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { groupTree } from "../helpers/cgroup-tree.ts";
import { demoJob, idOf, machineOf, messagesOf, newestOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

/*
 * Real machines, and plain directories for the kernel's groups, as every host has them; with the kernel's own groups it is tried in
 * test/e2e/cgroup.test.ts.
 */

const bed = agentPerTest(false);

function makeGroups(): Cgroups {
  const tree = groupTree(bed.dir.file("cgroup"));
  tree.group("/");
  const { cgroups } = openCgroups(tree.source("/"), "paddock-1");
  if (cgroups === null) throw new Error("no groups");
  return cgroups;
}

const groupOf = (agent: Agent, cgroups: Cgroups): string => join(cgroups.home, machineCgroup(idOf(agent), "vm", 1));

/** What the kernel writes when it has killed for want of memory. */
function countKill(group: string): void {
  writeFileSync(join(group, "memory.events"), "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n");
  writeFileSync(join(group, "cpu.stat"), "usage_usec 42000\n");
}

test("a machine is put into its group with its limits before QEMU is there, and a kill that the kernel counted is its end", async () => {
  const cgroups = makeGroups();
  await bed.start({ cgroups });
  const { agent } = bed;
  await agent.registerJob(demoJob(writeDemoDisk(bed.dir.path)), null, {});
  const { identity } = await machineOf(agent, "running");
  const group = groupOf(agent, cgroups);
  // The wrapper wrote the first line; that plain directories move no process is made good by the agent.
  expect(readFileSync(join(group, "cgroup.procs"), "utf8")).toBe(`${identity.pid}`);
  expect(Number(readFileSync(join(group, "memory.max"), "utf8"))).toBeGreaterThan(300 << 20);
  countKill(group);
  process.kill(identity.pid, "SIGKILL");
  const { ending, failed } = await machineOf(agent, "ended");
  expect(ending).toMatchObject({ reason: "oom", exitCode: 137, cgroup: { oomKills: 1, cpuMillis: 42 } });
  expect(failed).toBe(true);
  const events = newestOf(agent)?.tasks["vm"]?.events ?? [];
  expect(events.find(({ type }) => type === "Terminated")?.details).toMatchObject({ oom_killed: "true" });
});

test("what the kernel counted while no agent was there is read by the next one", async () => {
  const cgroups = makeGroups();
  await bed.start({ cgroups });
  await bed.submit();
  const { identity } = await machineOf(bed.agent, "running");
  const group = groupOf(bed.agent, cgroups);
  bed.running.close();
  countKill(group);
  process.kill(identity.pid, "SIGKILL");
  await until("QEMU to be gone", () => !isThere(identity.pid));
  await bed.start({ cgroups });
  expect((await machineOf(bed.agent, "ended")).ending).toMatchObject({ reason: "oom" });
});

test("a machine whose group cannot be made runs without limits, and an event says so", async () => {
  const cgroups: Cgroups = {
    ...makeGroups(),
    create: () => {
      throw new Error("no control group: ENOSPC");
    },
    locate: () => null,
    sweep: () => [],
  };
  await bed.start({ cgroups });
  const { agent } = bed;
  await agent.registerJob(demoJob(writeDemoDisk(bed.dir.path)), null, {});
  const { identity } = await machineOf(agent, "running");
  const messages = messagesOf(agent);
  expect(messages).toContain("the machine runs without limits: no control group: ENOSPC");
  process.kill(identity.pid, "SIGKILL");
  await machineOf(agent, "ended");
});

function isThere(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] !== "Z";
  } catch {
    return false;
  }
}
