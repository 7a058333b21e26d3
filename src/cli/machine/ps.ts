import { ask, type Client } from "../../client/client.ts";
import type { Allocation, TaskState } from "../../client/replies.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, idText, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth } from "../flags.ts";
import { printJson } from "../terminal/json.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignTable } from "../terminal/table.ts";
import { formatSpan, spanSince } from "../terminal/time.ts";
import { byCopy, copyLabels, isOver } from "../text/copies.ts";
import { guestPiece } from "../text/guest.ts";
import { findBlocked, waitingReason } from "../text/placement.ts";
import { listPorts } from "../text/ports.ts";
import { readUsageCells, STATS_FLAG, type UsageCells } from "../text/usage.ts";

export const PS: Command = {
  names: ["ps"],
  summary: "List the machines of this host",
  operands: "",
  takes: [0, 0],
  flags: [
    ADDRESS_FLAG,
    { name: "all", help: "Also the machines that have ended." },
    { name: "json", data: true, help: "The allocations, as the API has them." },
    STATS_FLAG,
    VERBOSE_FLAG,
  ],
  details:
    "Lists every machine that runs, starts or is being stopped, one line each, and the jobs of which machines wait for room with the reason. Of a job with several machines each has its own name: JOB.GROUP[INDEX].",
  examples: ["paddock ps", "paddock ps -all", "paddock ps -stats", "paddock ps -t '{{range .}}{{.Name}} {{end}}'"],
  run: runPs,
};

async function runPs(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  assertNotBoth(flags, "stats", "json", "the API has them at /v1/metrics and /v1/client/allocation/ID/stats");
  const client = await connectAgent(invocation);
  const isShown = (allocation: Pick<Allocation, "ClientStatus" | "TaskStates">): boolean =>
    flags.has("all") || !isOver(allocation);
  if (flags.has("json")) {
    const raw = await client.readJson(ask.allocations().target);
    printJson(out, Array.isArray(raw) ? raw.filter(isShown) : raw);
    return EXIT.ok;
  }
  const shown = (await client.read(ask.allocations())).filter(isShown);
  // Nobody has to look at a column in which nothing stands.
  const health = shown.some(({ DeploymentStatus }) => DeploymentStatus !== null);
  const usages = flags.has("stats") ? await readUsageCells(client) : null;
  const waiting = await findWaiting(client);
  const label = copyLabels(shown);
  const machines = shown
    .toSorted((a, b) => a.JobID.localeCompare(b.JobID) || byCopy(a, b))
    .flatMap((allocation) =>
      Object.entries(allocation.TaskStates).map(([name, task]) =>
        describeMachine(allocation, name, task, { verbose: flags.has("verbose"), health, usages, label }),
      ),
    );
  const rows = [...machines, ...waiting.map(({ job }): Piece[] => [job, "-", "-", statusPiece("pending"), "-"])];
  if (rows.length === 0) {
    err.line(flags.has("all") ? "no machines" : "no machine runs; paddock ps -all lists those that have ended");
    return EXIT.ok;
  }
  for (const line of alignTable(headerOf({ health, usages }), rows, out.columns)) out.line(...line);
  if (waiting.length === 0) return EXIT.ok;
  out.line();
  const reasons = waiting.map(({ job, reason }) => [job, reason]);
  for (const line of alignTable(["Waits for room", "Reason"], reasons, out.columns)) out.line(...line);
  return EXIT.ok;
}

/** The jobs that wait for room, sorted by id. */
async function findWaiting(client: Client): Promise<readonly { readonly job: string; readonly reason: string }[]> {
  const jobs = (await client.read(ask.jobs())).flatMap(({ ID, JobSummary }) => {
    const queued = Object.values(JobSummary?.Summary ?? {}).reduce((sum, { Queued }) => sum + Queued, 0);
    return queued === 0 ? [] : [{ id: ID, job: queued === 1 ? ID : `${ID} (${queued} machines)` }];
  });
  const found = await Promise.all(jobs.map(async ({ id, job }) => ({ job, blocked: await findBlocked(client, id) })));
  return found.flatMap(({ job, blocked }) => (blocked === undefined ? [] : [{ job, reason: waitingReason(blocked) }]));
}

function headerOf({ health, usages }: Pick<Shown, "health" | "usages">): readonly string[] {
  const [healthOf, usageOf] = [health ? ["Health"] : [], usages === null ? [] : ["CPU", "Memory"]];
  return ["Job", "Task", "Allocation", "Status", ...healthOf, "Guest", "PID", "Up", ...usageOf, "Ports"];
}

interface Shown {
  readonly verbose: boolean;
  /** What the machine is called by its job. */
  readonly label: (allocation: Allocation) => string;
  /** With the column of it. */
  readonly health: boolean;
  /** By `allocation id/task`; with the columns of it unless null. */
  readonly usages: ReadonlyMap<string, UsageCells> | null;
}

function describeMachine(allocation: Allocation, name: string, task: TaskState, shown: Shown): Piece[] {
  const { verbose, health, usages, label } = shown;
  const usage = usages?.get(`${allocation.ID}/${name}`);
  const id = idText(allocation.ID, verbose);
  const machine = task.Paddock;
  const live = task.State === "running";
  const up = live ? spanSince(task.StartedAt, Date.now()) : undefined;
  return [
    label(allocation),
    name,
    id,
    statusPiece(machineStatus(task)),
    ...(health ? [statusPiece(healthText(allocation) ?? "-")] : []),
    guestPiece(machine),
    machine?.Pid === undefined || machine.Pid === null ? "-" : String(machine.Pid),
    up === undefined ? "-" : formatSpan(up),
    ...(usages === null ? [] : [usage?.cpu ?? "-", usage?.memory ?? "-"]),
    listPorts(allocation, name) || "-",
  ];
}

/** The one word that says most: how far a start or a stop has come, or how it ended. */
export function machineStatus({ State, Failed, Paddock: machine }: TaskState): string {
  if (State === "dead") {
    if (machine?.Ending?.Reason === "lost") return "lost";
    return Failed ? "failed" : "complete";
  }
  if (machine === null || machine.Machine === "" || machine.Machine === "running") return State;
  return machine.Machine;
}

/** What the checks of an allocation make of it; null without any. */
export function healthText({ DeploymentStatus: status }: Pick<Allocation, "DeploymentStatus">): string | null {
  if (status === null) return null;
  return status.Healthy === null ? "pending" : status.Healthy ? "healthy" : "unhealthy";
}
