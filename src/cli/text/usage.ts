import { formatBytes } from "../../base/units.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation, Drive, TaskUsage } from "../../client/replies.ts";
import type { Flag } from "../flags.ts";
import type { Piece } from "../terminal/style.ts";
import { alignFacts } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";

export const STATS_FLAG: Flag = {
  name: "stats",
  help: "What the machines take: processor, memory, drives. It takes half a second when nobody has asked for a while.",
};

/** Prints what each machine of an allocation takes now. */
export async function printUsage(client: Client, allocation: Allocation, out: Output): Promise<void> {
  const { Tasks } = await client.read(ask.usage(allocation.ID));
  const names = Object.keys(allocation.TaskStates);
  for (const [name, usage] of Object.entries(Tasks)) {
    out.line();
    const title = names.length === 1 ? "Resource Utilization" : `Resource Utilization of task "${name}"`;
    out.line({ text: title, style: "bold" });
    for (const line of alignFacts(factsOf(allocation, name, usage), out.columns)) out.line(...line);
  }
  if (Object.keys(Tasks).length > 0) return;
  out.line();
  out.line({ text: "Resource Utilization", style: "bold" });
  out.line("no machine of it runs");
}

function factsOf(allocation: Allocation, name: string, usage: TaskUsage): [string, Piece][] {
  const { CpuStats: cpu, MemoryStats: memory } = usage.ResourceUsage;
  const granted = allocation.AllocatedResources?.Tasks[name];
  const own = usage.Paddock;
  const share = `${cpu.Percent.toFixed(1)} % of a processor`;
  const shares = granted?.Cpu?.CpuShares ?? 0;
  const ticks = shares > 0 ? `${Math.round(cpu.TotalTicks)}/${shares} MHz` : `${Math.round(cpu.TotalTicks)} MHz`;
  const megabytes = granted?.Memory?.MemoryMB ?? 0;
  const given = megabytes > 0 ? `/${megabytes} MiB` : "";
  const facts: [string, Piece][] = [
    // A host that does not tell the frequency of its processors has no MHz to count.
    ["CPU", cpu.TotalTicks > 0 || cpu.Percent === 0 ? `${ticks} (${share})` : share],
    ["Memory", `${formatBytes(memory.RSS)}${given} (at most ${formatBytes(memory.MaxUsage)})`],
  ];
  if (own?.PSS !== undefined && own.PSS !== null) {
    facts.push(["Memory by share", `${formatBytes(own.PSS)}, what it shares with others counted by its part`]);
  }
  if (memory.Swap > 0) facts.push(["Swapped out", formatBytes(memory.Swap)]);
  if (own === null) return facts;
  if (own.Balloon !== null) facts.push(["Balloon", `${formatBytes(own.Balloon)} left to the guest`]);
  facts.push(["CPU time", `${own.CpuSeconds.toFixed(1)} s`]);
  for (const vcpu of own.Vcpus ?? []) facts.push([`Processor ${vcpu.Index}`, `${vcpu.CpuSeconds.toFixed(1)} s`]);
  if (own.Drives === null) facts.push(["Drives", "unknown: QEMU's monitor does not answer"]);
  for (const drive of own.Drives ?? []) facts.push([`Drive ${drive.Name}`, driveText(drive)]);
  return facts;
}

function driveText(drive: Drive): string {
  const failed = drive.ReadErrors + drive.WriteErrors;
  const done = `read ${formatBytes(drive.ReadBytes)} in ${drive.Reads}, written ${formatBytes(drive.WrittenBytes)} in ${drive.Writes}`;
  return failed === 0 ? done : `${done}, failed: ${drive.ReadErrors} reads, ${drive.WriteErrors} writes`;
}

/** Two columns for a list of machines. */
export interface UsageCells {
  readonly cpu: string;
  readonly memory: string;
}

/** What every machine takes now, by `allocation id/task`. */
export async function readUsageCells(client: Client): Promise<ReadonlyMap<string, UsageCells>> {
  const { Gauges } = await client.read(ask.metrics());
  const values = (name: string): ReadonlyMap<string, number> =>
    new Map(
      Gauges.filter((gauge) => gauge.Name === name).map(({ Labels, Value }) => [
        `${Labels["alloc_id"]}/${Labels["task"]}`,
        Value,
      ]),
    );
  const percent = values("nomad.client.allocs.cpu.total_percent");
  const rss = values("nomad.client.allocs.memory.rss");
  return new Map(
    [...percent].map(([key, value]) => {
      const memory = rss.get(key);
      return [key, { cpu: `${value.toFixed(1)} %`, memory: memory === undefined ? "-" : formatBytes(memory) }];
    }),
  );
}
