import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { shellOperand } from "../../base/text.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation, Evaluation, Registered } from "../../client/replies.ts";
import { EXIT } from "../exit.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { readForwards } from "../text/allocation.ts";
import { byCopy, hasFailed, isOver } from "../text/copies.ts";
import { describeFailures, findBlocked } from "../text/placement.ts";
import { describeForwards } from "../text/ports.ts";
import { createFollower, isSettled } from "./follow.ts";

export interface Registration {
  readonly id: string;
  readonly client: Client;
  readonly registered: Registered;
  /** Its allocations before it was registered. */
  readonly before: readonly Allocation[];
  readonly terminal: Terminal;
}

/**
 * Shows what becomes of a job that was registered, until all of its machines run that are to, one after the other where a change takes
 * turns, or one has failed.
 * @returns the exit code. @throws AppError when a machine fails; the signal's reason.
 */
export async function watchStart(client: Client, registration: Registration, signal: AbortSignal): Promise<number> {
  const { id, registered, before, terminal } = registration;
  terminal.err.line(
    { text: "==> ", style: "bold" },
    `job "${id}" registered, evaluation ${shortId(registered.EvalID)}`,
  );
  const evaluation = await readOutcome(client, registered.EvalID, signal);
  const lacks = Object.keys(evaluation.FailedTGAllocs).length > 0;
  const follow = createFollower(terminal, before);
  const announce = createAnnouncer(before, terminal);
  let left = 0;
  for await (const all of client.watch(ask.jobAllocations(id), signal)) {
    const placed = all.filter(({ EvalID }) => EvalID === registered.EvalID);
    if (placed.length === 0 && lacks) return reportUnplaced(evaluation, id, terminal);
    const mine = placed.length > 0 ? placed : all.filter((entry) => !isOver(entry) && entry.DesiredStatus === "run");
    announce(mine, placed.length > 0);
    // What was there before ends under the same eyes.
    follow(all.filter(({ ID }) => mine.some((entry) => entry.ID === ID) || before.some((entry) => entry.ID === ID)));
    if (mine.length === 0 && (await wantsNone(client, id, signal))) {
      if (!all.every(isOver)) continue;
      terminal.out.line(`job "${id}" has no machine, as it is to have (count = 0)`);
      return EXIT.ok;
    }
    if (!isSettled(mine)) continue;
    const rest = lacks ? evaluation : await findRest(client, registration, { all, mine }, signal);
    if (typeof rest === "number") {
      if (rest !== left) terminal.err.line({ text: "==> ", style: "bold" }, `${rest} ${TO_COME}`);
      left = rest;
      continue;
    }
    await concludeStart(client, mine, registration);
    return rest === "none" ? EXIT.ok : reportUnplaced(rest, id, terminal);
  }
  return EXIT.failed;
}

const TO_COME = "more to come, each once the one before runs and its checks succeed";

/**
 * What of a change is not placed yet although everything that is has settled: how many machines whose turn is to come, or for which room
 * was found lacking meanwhile. One that failed ends the turns, and so does another change.
 */
async function findRest(
  client: Client,
  { id, registered }: Registration,
  { all, mine }: { readonly all: readonly Allocation[]; readonly mine: readonly Allocation[] },
  signal: AbortSignal,
): Promise<"none" | number | Evaluation> {
  const newest = Math.max(...all.map(({ JobVersion }) => JobVersion));
  const there = new Set(all.flatMap(({ JobVersion, Name }) => (JobVersion === newest ? [Name] : [])));
  const left = (registered.Paddock?.Machines ?? 0) - there.size;
  if (left <= 0 || mine.some(hasFailed)) return "none";
  const { Stop, JobModifyIndex } = await client.read(ask.job(id), signal);
  if (Stop || JobModifyIndex !== registered.JobModifyIndex) return "none";
  return (await findBlocked(client, id)) ?? left;
}

/** Whether a job is there and asks for no machine; one that somebody stopped asks for some. */
async function wantsNone(client: Client, id: string, signal: AbortSignal): Promise<boolean> {
  const { Stop, TaskGroups } = await client.read(ask.job(id), signal);
  return !Stop && TaskGroups.every(({ Count }) => Count === 0);
}

/** What was decided about a change; a real Nomad takes a moment for it. */
async function readOutcome(client: Client, id: string, signal: AbortSignal): Promise<Evaluation> {
  for await (const evaluation of client.watch(ask.evaluation(id), signal)) {
    if (evaluation.Status !== "pending") return evaluation;
  }
  throw new AppError("internal", `evaluation ${shortId(id)} was not decided`);
}

/** The machines may start any time: the job is registered. */
function reportUnplaced(evaluation: Evaluation, id: string, { out, err }: Terminal): number {
  out.line({ text: "no room for all allocations now:", style: "yellow" });
  for (const line of describeFailures(evaluation, out.columns)) out.line(...line);
  const { BlockedEval } = evaluation;
  if (BlockedEval !== "") {
    out.line(`Evaluation "${shortId(BlockedEval)}" waiting for additional capacity to place remainder`);
  }
  const failures = Object.values(evaluation.FailedTGAllocs);
  const never = failures.some(({ Paddock }) => Paddock?.Never);
  const room = failures.some(({ DimensionExhausted }) => "disk" in DimensionExhausted)
    ? "; it starts once there is room on the disk"
    : "";
  const collides = failures.some(({ DimensionExhausted }) =>
    Object.keys(DimensionExhausted).some((name) => name.startsWith("network: reserved port collision")),
  );
  const instead = collides
    ? "leave static out, and each copy gets a port of its own"
    : "ask for less, or give the agent a larger share of this host (client in its configuration)";
  const hint = never
    ? `${instead}${room}`
    : `it starts when there is room; look with: paddock status ${shellOperand(id)}`;
  err.line({ text: `hint: ${hint}`, style: "cyan" });
  return EXIT.unplaced;
}

/** Says of each allocation once what it is. */
function createAnnouncer(before: readonly Allocation[], { err }: Terminal) {
  const told = new Set<string>();
  return (allocations: readonly Allocation[], isNew: boolean): void => {
    for (const { ID, TaskGroup } of allocations.filter(({ ID: id }) => !told.has(id))) {
      told.add(ID);
      const updated = before.some((one) => one.ID === ID) ? "is updated in place and goes on" : "placed";
      const what = isNew ? updated : "is what was asked for and goes on";
      err.line({ text: "==> ", style: "bold" }, `allocation ${shortId(ID)} of group "${TaskGroup}" ${what}`);
    }
  };
}

/** Prints what each machine has come to. @throws AppError when one has failed, or there is none any more. */
async function concludeStart(
  client: Client,
  allocations: readonly Allocation[],
  { id, terminal }: Registration,
): Promise<void> {
  if (allocations.length === 0) {
    throw new AppError("conflict", `job "${id}" has no allocation any more: somebody stopped it`);
  }
  // What runs is told before what has failed ends the command.
  for (const allocation of allocations.toSorted(
    (a, b) => Number(hasFailed(a)) - Number(hasFailed(b)) || byCopy(a, b),
  )) {
    const tasks = Object.entries(allocation.TaskStates).toSorted(([, a], [, b]) => Number(a.Failed) - Number(b.Failed));
    for (const [task, { State, Failed, Paddock: machine }] of tasks) {
      const place = `task "${task}" of allocation ${shortId(allocation.ID)}${copyText(allocation, allocations)}`;
      if (State === "dead") {
        const why = machine?.Ending?.Message ?? allocation.ClientDescription;
        if (!Failed) terminal.out.line(`${place} has ended: ${why}`);
        else throw new AppError("internal", `${place} failed: ${why}`, { hint: machine?.Ending?.Hint ?? undefined });
      } else {
        terminal.out.line({ text: `${place} runs`, style: "green" }, pidText(machine?.Pid ?? null));
        const forwards = await readForwards(client, allocation, task);
        for (const line of describeForwards(forwards, "  ")) terminal.out.line(...line);
      }
    }
  }
}

const copyText = ({ Name }: Allocation, all: readonly Allocation[]): string => (all.length > 1 ? ` (${Name})` : "");

function pidText(pid: number | null): string {
  return pid === null ? "" : `, QEMU is process ${pid}`;
}
