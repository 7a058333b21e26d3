import { formatBytes } from "../../base/units.ts";
import type { Allocation, NodeAmounts, NodeInfo } from "../../client/replies.ts";
import type { Piece } from "../terminal/style.ts";
import { alignTable } from "../terminal/table.ts";

interface Use {
  /** MHz. */
  readonly cpu: number;
  /** MiB. */
  readonly memory: number;
  readonly disk: number;
}

/**
 * What is allocated of what a node has for machines (`Allocated Resources`, as Nomad's CLI has it) and what is reserved.
 * @param live the allocations that have not ended.
 */
export function describeUse(node: NodeInfo, live: readonly Allocation[], columns: number): Piece[][] {
  const [total, reserved] = [amountsOf(node.NodeResources), amountsOf(node.ReservedResources)];
  const used = sumUse(live);
  const kept = Object.values(reserved).some((amount) => amount > 0);
  const of = (name: keyof Use): number => Math.max(0, total[name] - reserved[name]);
  const mebibytes = (name: "memory" | "disk"): string => `${bytes(used[name])}/${bytes(of(name))}`;
  // Nobody knows how fast the processors are: they are not counted.
  const cpu = total.cpu === 0 ? `${used.cpu} MHz` : `${used.cpu}/${of("cpu")} MHz`;
  const table = alignTable(["CPU", "Memory", "Disk"], [[cpu, mebibytes("memory"), mebibytes("disk")]], columns);
  const title: Piece[][] = [[], [{ text: "Allocated Resources", style: "bold" }]];
  if (!kept) return [...title, ...table];
  const words = `Reserved for the host: ${reserved.cpu} MHz, ${bytes(reserved.memory)} memory, ${bytes(reserved.disk)} disk`;
  return [...title, ...table, [words]];
}

/** Allocations of one copy of a job follow one another, so it counts as the largest, as in the agent's own reckoning. */
function sumUse(live: readonly Allocation[]): Use {
  const byCopy = new Map<string, Use>();
  for (const { JobID, Name, AllocatedResources } of live) {
    const tasks = Object.values(AllocatedResources?.Tasks ?? {});
    const copy = JSON.stringify([JobID, Name]);
    const before = byCopy.get(copy) ?? NOTHING;
    const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
    byCopy.set(copy, {
      cpu: Math.max(before.cpu, sum(tasks.map(({ Cpu }) => Cpu?.CpuShares ?? 0))),
      memory: Math.max(before.memory, sum(tasks.map(({ Memory }) => Memory?.MemoryMB ?? 0))),
      disk: Math.max(before.disk, AllocatedResources?.Shared.DiskMB ?? 0),
    });
  }
  return [...byCopy.values()].reduce(
    (all, one) => ({ cpu: all.cpu + one.cpu, memory: all.memory + one.memory, disk: all.disk + one.disk }),
    NOTHING,
  );
}

const NOTHING: Use = { cpu: 0, memory: 0, disk: 0 };

function amountsOf(amounts: NodeAmounts): Use {
  return {
    cpu: amounts?.Cpu?.CpuShares ?? 0,
    memory: amounts?.Memory?.MemoryMB ?? 0,
    disk: amounts?.Disk?.DiskMB ?? 0,
  };
}

const bytes = (mebibytes: number): string => formatBytes(mebibytes * 1024 * 1024);
