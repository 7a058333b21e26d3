import type { Measured } from "../agent/agent.ts";
import type { Allocation } from "../allocation/allocation.ts";
import { RUNGS } from "../allocation/ladder.ts";
import { MACHINE_STATES } from "../allocation/machine.ts";
import { REASONS } from "../contract/machine.ts";
import { DEFAULT_NAMESPACE } from "../contract/scalars.ts";
import { processorMhz, writeHostUsage } from "../contract/usage.ts";
import type { Node } from "../node/node.ts";
import type { Metric, MetricPoint } from "../stats/metric.ts";
import type { StreamLoad } from "./load.ts";

/** What a job gave a task: MHz and bytes. */
export interface Granted {
  readonly cpu: number;
  readonly memory: number;
}

export interface MetricSource extends Measured {
  readonly node: Node;
  /** Undefined once the job was purged. */
  readonly grantedTo: (allocation: Allocation, task: string) => Granted | undefined;
  readonly agent: AgentFigures;
}

/** The agent's own process. */
export interface AgentFigures {
  readonly version: string;
  readonly commit: string;
  /** Bytes. */
  readonly resident: number;
  readonly cpuSeconds: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly load: Readonly<StreamLoad>;
}

type Machine = Measured["machines"][number];
type DriveCounters = NonNullable<Machine["usage"]["drives"]>[number];

/** Everything that `/v1/metrics` tells: what Nomad tells too under Nomad's names, the rest under ours. */
export function listMetrics(source: MetricSource): readonly Metric[] {
  return [
    ...machineMetrics(source),
    ...driveMetrics(source.machines),
    ...stateMetrics(source),
    ...hostMetrics(source),
    ...agentMetrics(source.agent),
  ];
}

function machineMetrics({ machines, node, grantedTo }: MetricSource): Metric[] {
  const mhz = processorMhz(node.attributes);
  const gauge = (name: string, help: string, read: (machine: Machine) => number | null | undefined): Metric => ({
    name: `nomad.client.allocs.${name}`,
    kind: "gauge",
    help,
    points: pointsOf(machines, read),
  });
  const percent = ({ usage: { cpu } }: Machine): number => cpu.userPercent + cpu.systemPercent;
  return [
    gauge("cpu.total_percent", "Processor time of a machine, 100 is one processor.", percent),
    gauge("cpu.user", "Of it in QEMU and the guest.", ({ usage }) => usage.cpu.userPercent),
    gauge("cpu.system", "Of it in the kernel.", ({ usage }) => usage.cpu.systemPercent),
    gauge("cpu.total_ticks", "Processor time of a machine in MHz.", (machine) =>
      mhz === 0 ? null : (percent(machine) / 100) * mhz,
    ),
    gauge("cpu.allocated", "MHz that the job asks for.", ({ allocation, task }) => grantedTo(allocation, task)?.cpu),
    gauge("memory.rss", "Resident memory of a machine in bytes.", ({ usage }) => usage.memory.rss),
    gauge("memory.swap", "Its memory that was swapped out, in bytes.", ({ usage }) => usage.memory.swap),
    gauge("memory.max_usage", "The most that was ever resident, in bytes.", ({ usage }) => usage.memory.peak),
    gauge(
      "memory.allocated",
      "Bytes that the job asks for.",
      ({ allocation, task }) => grantedTo(allocation, task)?.memory,
    ),
    {
      name: "paddock.machine_balloon_bytes",
      kind: "gauge",
      help: "Memory that a guest with a balloon device has, in bytes.",
      points: pointsOf(machines, ({ usage }) => usage.balloon),
    },
    {
      name: "paddock.machine_cpu_seconds_total",
      kind: "counter",
      help: "Processor time of a machine since its start.",
      points: pointsOf(machines, ({ usage }) => usage.cpu.seconds),
    },
    {
      name: "paddock.machine_monitor_up",
      kind: "gauge",
      help: "1 when the monitor of a machine answered just now; without, there are no figures of its drives.",
      points: pointsOf(machines, ({ usage }) => (usage.drives === null ? 0 : 1)),
    },
  ];
}

function driveMetrics(machines: readonly Machine[]): Metric[] {
  const counter = (name: string, help: string, read: (drive: DriveCounters) => number): Metric => ({
    name: `paddock.machine_disk_${name}_total`,
    kind: "counter",
    help: `${help} since the machine's start.`,
    points: machines.flatMap((machine) =>
      (machine.usage.drives ?? []).map((drive) => ({
        labels: { ...labelsOf(machine), drive: drive.name },
        value: read(drive),
      })),
    ),
  });
  return [
    counter("read_bytes", "Bytes that a guest read from a drive", ({ readBytes }) => readBytes),
    counter("written_bytes", "Bytes that a guest wrote to a drive", ({ writtenBytes }) => writtenBytes),
    counter("reads", "Reads of a drive", ({ reads }) => reads),
    counter("writes", "Writes to a drive", ({ writes }) => writes),
    counter("flushes", "Flushes of a drive", ({ flushes }) => flushes),
    counter("read_errors", "Reads of a drive that failed", ({ readErrors }) => readErrors),
    counter("write_errors", "Writes to a drive that failed", ({ writeErrors }) => writeErrors),
  ];
}

function stateMetrics({ states, counts }: MetricSource): Metric[] {
  const by = <K extends string>(label: string, keys: readonly K[], from: ReadonlyMap<K, number>): MetricPoint[] =>
    keys.map((key) => ({ labels: { [label]: key }, value: from.get(key) ?? 0 }));
  const since = "since the agent was started.";
  return [
    {
      name: "paddock.machines",
      kind: "gauge",
      help: "Machines of allocations that have not ended, by state.",
      points: by("state", MACHINE_STATES, states),
    },
    {
      name: "paddock.machine_ends_total",
      kind: "counter",
      help: `Machines that ended, by reason, ${since}`,
      points: by("reason", REASONS, counts.ends),
    },
    {
      name: "paddock.stops_total",
      kind: "counter",
      help: `Machines that were stopped, by the rung of the stop ladder that did it, ${since}`,
      points: by("rung", [...RUNGS, "none"] as const, counts.stops),
    },
    {
      name: "paddock.machine_restarts_total",
      kind: "counter",
      help: `Starts that a restart policy decided on, ${since}`,
      points: [{ labels: {}, value: counts.restarts }],
    },
    {
      name: "paddock.task_events_total",
      kind: "counter",
      help: `Events of tasks by Nomad's type, such as Failed Artifact Download, ${since}`,
      points: by("type", [...counts.events.keys()], counts.events),
    },
  ];
}

function hostMetrics({ host, node }: MetricSource): Metric[] {
  const told = writeHostUsage(host, node.attributes);
  const gauge = (name: string, help: string, points: readonly MetricPoint[]): Metric => ({
    ...{ name: `nomad.client.${name}`, kind: "gauge", help, points },
  });
  const one = (value: number): MetricPoint[] => [{ labels: {}, value }];
  const cpus = (read: (cpu: (typeof told.CPU)[number]) => number): MetricPoint[] =>
    told.CPU.map((cpu) => ({ labels: { cpu: cpu.CPU }, value: read(cpu) }));
  const disks = (read: (disk: (typeof told.DiskStats)[number]) => number): MetricPoint[] =>
    told.DiskStats.map((disk) => ({ labels: { disk: disk.Device }, value: read(disk) }));
  return [
    gauge("uptime", "Seconds since the host's boot.", one(told.Uptime)),
    gauge("host.memory.total", "Memory of the host in bytes.", one(told.Memory.Total)),
    gauge("host.memory.available", "Memory that programs can still have, in bytes.", one(told.Memory.Available)),
    gauge("host.memory.used", "The rest of it, in bytes.", one(told.Memory.Used)),
    gauge("host.memory.free", "Memory that nobody has had, in bytes.", one(told.Memory.Free)),
    gauge(
      "host.cpu.user",
      "Percent of a processor in programs.",
      cpus(({ User }) => User),
    ),
    gauge(
      "host.cpu.system",
      "Percent of a processor in the kernel.",
      cpus(({ System }) => System),
    ),
    gauge(
      "host.cpu.idle",
      "Percent of a processor idle.",
      cpus(({ Idle }) => Idle),
    ),
    gauge(
      "host.cpu.total_percent",
      "Percent of a processor not idle.",
      cpus(({ TotalPercent }) => TotalPercent),
    ),
    gauge(
      "host.disk.size",
      "Bytes of the data directory's file system.",
      disks(({ Size }) => Size),
    ),
    gauge(
      "host.disk.used",
      "Bytes of it that are used.",
      disks(({ Used }) => Used),
    ),
    gauge(
      "host.disk.available",
      "Bytes of it that are free.",
      disks(({ Available }) => Available),
    ),
    gauge(
      "host.disk.used_percent",
      "Percent of it that is used.",
      disks(({ UsedPercent }) => UsedPercent),
    ),
    gauge(
      "host.disk.inodes_percent",
      "Percent of its inodes.",
      disks(({ InodesUsedPercent }) => InodesUsedPercent),
    ),
  ];
}

function agentMetrics({ version, commit, resident, cpuSeconds, startedAt, load }: AgentFigures): Metric[] {
  const one = (value: number): MetricPoint[] => [{ labels: {}, value }];
  return [
    {
      name: "paddock.build_info",
      kind: "gauge",
      help: "Which program the agent is; always 1.",
      points: [{ labels: { version, commit }, value: 1 }],
    },
    {
      name: "paddock.event_streams",
      kind: "gauge",
      help: "Event streams that are open.",
      points: one(load.events),
    },
    {
      name: "paddock.event_streams_cut_total",
      kind: "counter",
      help: "Event streams that were ended because they were not read in time.",
      points: one(load.eventsCut),
    },
    { name: "process_resident_memory_bytes", kind: "gauge", help: "Of the agent, in bytes.", points: one(resident) },
    { name: "process_cpu_seconds_total", kind: "counter", help: "Of the agent.", points: one(cpuSeconds) },
    {
      name: "process_start_time_seconds",
      kind: "gauge",
      help: "When the agent was started, in seconds since 1970.",
      points: one(startedAt),
    },
  ];
}

/** One point for each machine that has the figure. */
function pointsOf(machines: readonly Machine[], read: (machine: Machine) => number | null | undefined): MetricPoint[] {
  return machines.flatMap((machine) => {
    const value = read(machine);
    return value === null || value === undefined ? [] : [{ labels: labelsOf(machine), value }];
  });
}

/** The labels that Nomad gives its figures of tasks. */
function labelsOf({ allocation, task }: Machine): Record<string, string> {
  const { id, jobId, group } = allocation;
  return { alloc_id: id, job: jobId, namespace: DEFAULT_NAMESPACE, task, task_group: group };
}
