import { ask, type Client } from "../../client/client.ts";
import { askPlan } from "../../client/plan.ts";
import type { Allocation, JobEntry, JobInfo } from "../../client/replies.ts";
import { printChecks } from "../alloc/checks.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, idText, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Flag } from "../flags.ts";
import { ALLOCATION_FORMS, NAME_FORMS, requireAllocation, requireJob, resolveName } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignFacts, alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";
import { printAllocation } from "../text/allocation.ts";
import { byCopy, hasFailed, isOver } from "../text/copies.ts";
import { describeFailures, findBlocked } from "../text/placement.ts";
import { printUsage, STATS_FLAG } from "../text/usage.ts";
import { printCopies, printGroups } from "./groups.ts";
import { findVersion, VERSION_FLAG } from "./history.ts";

const FLAGS: readonly Flag[] = [
  ADDRESS_FLAG,
  { name: "json", data: true, help: "The replies of the API." },
  VERBOSE_FLAG,
];

export const JOB_STATUS: Command = {
  names: ["job status", "status"],
  summary: "Show a job and its machines, or list the jobs",
  operands: "[NAME]",
  takes: [0, 1],
  flags: FLAGS,
  details: `Without NAME, lists the jobs. ${NAME_FORMS} Shows the job and its machine with what it does, its ports and what happened to it, and how it ended: the reason and, when it was stopped, the receipt of the stop. Of a job with several machines it shows a summary by group and one line for each.`,
  examples: [
    "paddock status",
    "paddock status web",
    "paddock job status -json web",
    "paddock status -t '{{range .}}{{.ID}} {{end}}'",
  ],
  run: runStatus,
};

export const ALLOC_STATUS: Command = {
  names: ["alloc status"],
  summary: "Show an allocation and its machines",
  operands: "ALLOCATION",
  takes: [1, 1],
  flags: [...FLAGS, STATS_FLAG],
  details: `${ALLOCATION_FORMS} With -json and -stats the statistics are its member Stats.`,
  examples: ["paddock alloc status 1f2e3d4c", "paddock alloc status -stats 1f2e3d4c"],
  run: runAllocStatus,
};

export const JOB_INSPECT: Command = {
  names: ["job inspect"],
  summary: "Print a job as JSON, with every default filled in",
  operands: "JOB",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "json", data: true, help: "The job alone, without an object around it." },
    VERSION_FLAG,
  ],
  details: "JOB is the id of a job; N is a number of paddock job history.",
  examples: [
    "paddock job inspect web",
    "paddock job inspect -version 3 web",
    "paddock job inspect -t '{{.Version}}' web",
  ],
  run: runInspect,
};

async function runStatus(invocation: Invocation): Promise<number> {
  const { out } = invocation.context.terminal;
  const [name] = invocation.operands;
  const client = await connectAgent(invocation);
  if (name === undefined) return await listJobs(client, invocation);
  const named = await resolveName(client, name);
  if (named.kind === "allocation") return await showAllocation(client, named.allocation, invocation);
  const id = named.job.ID;
  if (invocation.flags.has("json")) {
    // Together: of two that fail, the second would have nobody who waits for it.
    const [Job, Allocations] = await Promise.all([
      client.readJson(ask.job(id).target),
      client.readJson(ask.jobAllocations(id).target),
    ]);
    printJson(out, { Job, Allocations });
    return EXIT.ok;
  }
  const job = await client.read(ask.job(id));
  await printJob(client, job, named.job, invocation);
  return EXIT.ok;
}

async function listJobs(client: Client, { context, flags }: Invocation): Promise<number> {
  const { out, err } = context.terminal;
  if (flags.has("json")) {
    printJson(out, await client.readJson(ask.jobs().target));
    return EXIT.ok;
  }
  const jobs = await client.read(ask.jobs());
  if (jobs.length === 0) err.line("no jobs; register one with: paddock job run FILE");
  else
    for (const line of alignTable(["ID", "Type", "Status", "Submitted"], jobs.map(jobRow), out.columns))
      out.line(...line);
  return EXIT.ok;
}

function jobRow(job: JobEntry): Piece[] {
  return [job.ID, job.Type, jobStatusPiece(job), formatTime(job.SubmitTime)];
}

function jobStatusPiece({ Status, Stop }: Pick<JobEntry, "Status" | "Stop">): Piece {
  return Stop ? `${Status} (stopped)` : statusPiece(Status);
}

async function printJob(client: Client, job: JobInfo, entry: JobEntry, { context, flags }: Invocation): Promise<void> {
  const { out } = context.terminal;
  const verbose = flags.has("verbose");
  const facts: [string, Piece][] = [
    ["ID", job.ID],
    ["Name", job.Name],
    ["Type", job.Type],
    ["Priority", String(job.Priority)],
    ["Datacenters", job.Datacenters.join(", ")],
    ["Status", jobStatusPiece(job)],
    ["Version", String(job.Version)],
    ["Submitted", formatTime(job.SubmitTime)],
  ];
  for (const line of alignFacts(facts, out.columns)) out.line(...line);
  printGroups(job, entry, out);
  await printWaiting(client, job.ID, { out, verbose });
  const allocations = (await client.read(ask.jobAllocations(job.ID))).toSorted((a, b) => b.CreateTime - a.CreateTime);
  const live = allocations.filter((allocation) => !isOver(allocation));
  const shown = live.length > 0 ? live : allocations.slice(0, 1);
  const failed = allocations.some((one) => one.JobVersion === job.Version && hasFailed(one));
  if (shown.length > 1) printCopies(shown.toSorted(byCopy), { Version: job.Version, failed }, { out, verbose });
  else for (const allocation of shown) await printOne(client, allocation, { out, verbose });
  printEarlier(
    allocations.filter((allocation) => !shown.includes(allocation)),
    out,
    verbose,
  );
}

interface Shown {
  readonly out: Output;
  readonly verbose: boolean;
}

async function printOne(client: Client, allocation: Allocation, { out, verbose }: Shown): Promise<void> {
  out.line();
  await printAllocation(client, allocation, out, verbose);
  if (!isOver(allocation)) await printChecks(client, allocation, out);
}

/** What of a job waits for room, and why. */
async function printWaiting(client: Client, jobId: string, { out, verbose }: Shown): Promise<void> {
  const blocked = await findBlocked(client, jobId);
  if (blocked === undefined) return;
  out.line();
  out.line({ text: "Placement Failure", style: "bold" });
  for (const line of describeFailures(blocked, out.columns)) out.line(...line);
  out.line(`Evaluation ${idText(blocked.ID, verbose)} waits for room`);
}

function printEarlier(allocations: readonly Allocation[], out: Output, verbose: boolean): void {
  if (allocations.length === 0) return;
  out.line();
  const rows = allocations.map((allocation): Piece[] => [
    idText(allocation.ID, verbose),
    allocation.TaskGroup,
    statusPiece(allocation.ClientStatus),
    formatTime(allocation.ModifyTime),
  ]);
  for (const line of alignTable(["Earlier allocations", "Group", "Status", "Ended"], rows, out.columns))
    out.line(...line);
}

async function runAllocStatus(invocation: Invocation): Promise<number> {
  const client = await connectAgent(invocation);
  const found = await requireAllocation(client, invocation.operands[0] ?? "");
  return await showAllocation(client, found, invocation);
}

async function showAllocation(client: Client, found: Allocation, { context, flags }: Invocation): Promise<number> {
  const { out } = context.terminal;
  const question = ask.allocation(found.ID);
  const stats = flags.has("stats");
  if (flags.has("json")) {
    const reply = await client.readJson(question.target);
    const more = stats ? { Stats: await client.readJson(ask.usage(found.ID).target) } : {};
    printJson(out, stats && typeof reply === "object" ? { ...reply, ...more } : reply);
  } else {
    const allocation = await client.read(question);
    await printAllocation(client, allocation, out, flags.has("verbose"));
    if (!isOver(allocation)) await printChecks(client, allocation, out);
    if (stats) await printUsage(client, allocation, out);
  }
  return EXIT.ok;
}

async function runInspect(invocation: Invocation): Promise<number> {
  const client = await connectAgent(invocation);
  const { ID } = await requireJob(client, invocation.operands[0] ?? "");
  const version = invocation.flags.count(VERSION_FLAG.name);
  const Job =
    version === undefined
      ? await client.readJson(ask.job(ID).target)
      : findVersion(await client.read(askPlan.versions(ID, false)), version);
  printJson(invocation.context.terminal.out, invocation.flags.has("json") ? Job : { Job });
  return EXIT.ok;
}
