import { AppError } from "../../base/errors.ts";
import { shellOperand, shellWord } from "../../base/text.ts";
import { ask, type Client } from "../../client/client.ts";
import { askPlan, type Versions } from "../../client/plan.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { requireJob } from "../names.ts";
import { confirmDiscards, DISCARD_FLAG } from "./discard.ts";
import { findVersion } from "./history.ts";
import { followRegistration, runInterruptible } from "./run.ts";
import { printWarnings } from "./warnings.ts";

const EXITS = [
  [EXIT.ok, "the machines run, or the change was made with -detach"],
  [EXIT.failed, "it was refused, a disk was not to be left behind, or a machine failed"],
  [EXIT.unplaced, "there is no room for the job now: it is registered and starts when there is"],
  [EXIT.SIGINT, "Ctrl-C; the job goes on"],
] as const;

export const JOB_REVERT: Command = {
  names: ["job revert"],
  summary: "Run an earlier version of a job again",
  operands: "JOB VERSION",
  takes: [2, 2],
  flags: [ADDRESS_FLAG, { name: "detach", help: "Return as soon as the job is registered." }, DISCARD_FLAG],
  details:
    "Registers the job of an earlier version as a new one and shows what happens, as paddock job run does: a machine is updated in place or replaced, and where a disk cannot move along it asks first. VERSION is a number of paddock job history. A job that was stopped runs again, also by its last version.",
  examples: ["paddock job revert web 3"],
  exits: EXITS,
  run: (invocation) => runInterruptible(invocation, (signal, onLeave) => revert(invocation, signal, onLeave)),
};

export const JOB_SCALE: Command = {
  names: ["job scale"],
  summary: "Change how many machines a job has",
  operands: "JOB [GROUP] COUNT",
  takes: [2, 3],
  flags: [ADDRESS_FLAG, { name: "detach", help: "Return as soon as the job is registered." }, DISCARD_FLAG],
  details:
    "Registers the job with another count, by the rules of every job file: the highest numbers go first, 0 stops all machines of the group, and disks wait for the next ones unless sticky is false. GROUP may be left out where there is one. The job file does not change: whoever runs it again has its count.",
  examples: ["paddock job scale web 0", "paddock job scale web vms 3"],
  exits: EXITS,
  run: (invocation) => runInterruptible(invocation, (signal, onLeave) => scale(invocation, signal, onLeave)),
};

type Leave = (id: string) => void;

async function revert(invocation: Invocation, signal: AbortSignal, onLeave: Leave): Promise<number> {
  const [name = "", text = ""] = invocation.operands;
  const version = readCount(text, "VERSION");
  const client = await connectAgent(invocation, signal);
  const { ID: id } = await requireJob(client, name);
  const history = await client.read(askPlan.versions(id, false), signal);
  const job = findVersion(history, version);
  // What was asked about is what is changed.
  const body = { JobID: id, JobVersion: version, EnforcePriorVersion: history.Versions[0]?.Version ?? null };
  return await change(invocation, { client, id, job, question: askPlan.revert(id), body }, signal, onLeave);
}

async function scale(invocation: Invocation, signal: AbortSignal, onLeave: Leave): Promise<number> {
  const [name = "", ...rest] = invocation.operands;
  const count = readCount(rest.at(-1) ?? "", "COUNT");
  const client = await connectAgent(invocation, signal);
  const { ID: id } = await requireJob(client, name);
  const { Versions } = await client.read(askPlan.versions(id, false), signal);
  const [job] = Versions;
  const group = rest.length > 1 ? (rest[0] ?? "") : onlyGroup(job);
  const only = { EnforceIndex: true, JobModifyIndex: job?.JobModifyIndex ?? 0 };
  const body = { Count: count, Target: { Namespace: "default", Job: id, Group: group }, ...only };
  const scaled = job === undefined ? {} : { ...job, TaskGroups: withCount(job.TaskGroups, group, count) };
  return await change(invocation, { client, id, job: scaled, question: askPlan.scale(id), body }, signal, onLeave);
}

type Version = Versions["Versions"][number];

/** @returns "" for a job of which nothing is known. @throws AppError `invalid` when it has several. */
function onlyGroup(job: Version | undefined): string {
  const names = job?.TaskGroups.map(({ Name }) => Name) ?? [];
  const [only = ""] = names;
  if (names.length <= 1) return only;
  const known = names.map((name) => JSON.stringify(name)).join(", ");
  throw new AppError("invalid", `job "${job?.ID}" has several groups: ${known}`, {
    hint: `name one: paddock job scale ${shellOperand(job?.ID ?? "")} ${shellWord(only)} COUNT`,
  });
}

/** As the agent will have it, to be asked what it costs. */
function withCount(groups: Version["TaskGroups"], name: string, count: number): object {
  return groups.map((group) => (group.Name === name ? { ...group, Count: count } : group));
}

interface Change {
  readonly client: Client;
  readonly id: string;
  /** In Nomad's JSON. */
  readonly job: object;
  readonly question: ReturnType<typeof askPlan.revert>;
  readonly body: unknown;
}

async function change(
  invocation: Invocation,
  { client, id, job, question, body }: Change,
  signal: AbortSignal,
  onLeave: Leave,
): Promise<number> {
  const { context, flags } = invocation;
  const { terminal } = context;
  const before = await client.read(ask.jobAllocations(id), signal);
  const asked = before.length === 0 ? [] : await confirmDiscards(client, { id, job, flags, terminal }, signal);
  const registered = await client.change("PUT", question, body);
  printWarnings(registered, [], terminal, asked);
  return await followRegistration({ id, client, registered, before, terminal }, invocation, signal, onLeave);
}

/** @throws AppError `invalid`. */
function readCount(text: string, what: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (count !== undefined) return count;
  throw new AppError("invalid", `${what}: expected a whole number, found ${JSON.stringify(text)}`);
}
