import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { shellOperand } from "../base/text.ts";
import { ask, type Client, createClient } from "../client/client.ts";
import {
  type Allocation,
  type Evaluation,
  type OnlyAtIndex,
  type Registered,
  RegisteredSchema,
} from "../client/replies.ts";
import { readForwards } from "./allocation-text.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "./command.ts";
import { confirmDiscards, DISCARD_FLAG } from "./discard.ts";
import { EXIT, Interrupted } from "./exit.ts";
import type { Flags } from "./flags.ts";
import { createFollower, isSettled } from "./follow.ts";
import { assertJson, countErrors, examineJobFile, readJobFile } from "./job-file.ts";
import { printWarnings } from "./job-warnings.ts";
import { printJson } from "./json.ts";
import { describeFailures } from "./placement-text.ts";
import { describeForwards } from "./ports.ts";
import { isOver } from "./ps.ts";
import type { Terminal } from "./terminal.ts";
import { VARIABLE_FLAGS } from "./variables.ts";

export const JOB_RUN: Command = {
  names: ["job run", "run"],
  summary: "Run a job from a job file",
  operands: "FILE|-",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "detach", help: "Return as soon as the job is registered." },
    { name: "json", help: "The file holds a job in Nomad's JSON." },
    ...VARIABLE_FLAGS,
    DISCARD_FLAG,
    {
      name: "check-index",
      value: "INDEX",
      count: true,
      help: "Run it only if the job's last change is this one, as paddock job plan told it; 0 for a job that is not there yet.",
    },
    { name: "output", help: "Print the job as JSON instead of running it; needs no agent." },
  ],
  details:
    "Checks the job file, registers the job and shows what happens until its machines run, with the ports that are forwarded, or have failed. FILE is HCL or Nomad's JSON; - is standard input. Ctrl-C ends the watching, not the job. When the job takes the place of its former version and a disk cannot move along, it asks first; where there is no terminal it refuses, unless -discard is given.",
  examples: ["paddock job run web.hcl", "paddock run -detach -var size=2 web.hcl", "paddock job run -output web.hcl"],
  exits: [
    [EXIT.ok, "the machines run, or the job was registered with -detach"],
    [EXIT.failed, "the file is not valid, the job was refused, a disk was not to be left behind, or a machine failed"],
    [EXIT.unplaced, "there is no room for the job now: it is registered and starts when there is"],
    [EXIT.SIGINT, "Ctrl-C; the job goes on"],
  ],
  run: runJobRun,
};

async function runJobRun(invocation: Invocation): Promise<number> {
  return await runInterruptible(invocation, (signal, onLeave) => runJob(invocation, signal, onLeave));
}

/** Runs a command that changes a job and watches it, so that Ctrl-C ends the watching alone. */
export async function runInterruptible(
  { context: { terminal, early } }: Invocation,
  work: (signal: AbortSignal, onLeave: (id: string) => void) => Promise<number>,
): Promise<number> {
  const interrupt = terminal.listenForInterrupt();
  const signal = early === null ? interrupt.signal : AbortSignal.any([interrupt.signal, early.interrupt]);
  try {
    return await work(signal, (id) => {
      terminal.err.line(`job "${id}" goes on; stop it with: paddock stop ${shellOperand(id)}`);
    });
  } finally {
    interrupt.release();
  }
}

/**
 * Runs a job as `paddock job run` does.
 * @param onLeave called with the job's id when `signal` aborts while the registered job is being watched.
 * @throws AppError when it does not run; the signal's reason.
 */
export async function runJob(
  invocation: Invocation,
  signal: AbortSignal,
  onLeave: (id: string) => void,
): Promise<number> {
  const registration = (await takeEarly(invocation)) ?? (await register(invocation, signal));
  if (registration === null) return EXIT.ok;
  return await followRegistration(registration, invocation, signal, onLeave);
}

/** Shows what becomes of a job that was registered, until its machines run. @throws AppError when they do not; the signal's reason. */
export async function followRegistration(
  registration: Registration,
  { context, flags }: Invocation,
  signal: AbortSignal,
  onLeave: (id: string) => void,
): Promise<number> {
  const { id, client, registered } = registration;
  if (flags.has("detach")) {
    context.terminal.out.line("Job registration successful");
    context.terminal.out.line(`Evaluation ID: ${registered.EvalID}`);
    return EXIT.ok;
  }
  try {
    return await watchStart(client, registration, signal);
  } catch (error) {
    if (error instanceof Interrupted) onLeave(id);
    throw error;
  }
}

export interface Registration {
  readonly id: string;
  readonly client: Client;
  readonly registered: Registered;
  /** Its allocations before it was registered. */
  readonly before: readonly Allocation[];
  readonly terminal: Terminal;
}

/** What came of a job that was sent before this command was loaded; null where nothing did, and it is this command's turn. */
async function takeEarly({ context, flags, operands }: Invocation): Promise<Registration | null> {
  const { early, terminal } = context;
  if (early === null || early.path !== operands[0]) return null;
  const reply = await early.reply;
  if (reply instanceof AppError) throw reply;
  const { success, output: registered } = v.safeParse(RegisteredSchema, reply);
  const id = success ? registered.Paddock?.JobID : undefined;
  if (!success || !id) return null;
  const examined =
    registered.Warnings === "" ? [] : (await examineJobFile(early.path, early.bytes, { context, flags })).diagnostics;
  printWarnings(registered, examined, terminal, []);
  return { id, client: createClient({ kind: "unix", path: early.socket }), registered, before: [], terminal };
}

/** Reads the job file and registers the job. @returns null when it was only to be printed. */
async function register({ context, flags, operands }: Invocation, signal: AbortSignal): Promise<Registration | null> {
  const { terminal } = context;
  const file = await readJobFile(operands[0] ?? "", { context, flags });
  if (flags.has("json")) assertJson(file);
  const { job, name, text, format } = file;
  if (job === undefined) throw new AppError("invalid", `${name} is not a valid job: ${countErrors(file)}`);
  const { encodeJob } = await import("../job/wire.ts");
  const encoded = encodeJob(job);
  if (flags.has("output")) {
    printJson(terminal.out, { Job: encoded });
    return null;
  }
  const client = await connectAgent({ context, flags });
  const before = await client.read(ask.jobAllocations(job.id), signal);
  const asked =
    before.length === 0 ? [] : await confirmDiscards(client, { id: job.id, job: encoded, flags, terminal }, signal);
  // Not to be interrupted: nobody would know whether the job was registered.
  const registered = await client.registerJob(encoded, { Source: text, Format: format }, onlyAt(flags));
  printWarnings(registered, file.diagnostics, terminal, asked);
  return { id: job.id, client, registered, before, terminal };
}

function onlyAt(flags: Flags): OnlyAtIndex | undefined {
  const index = flags.count("check-index");
  return index === undefined ? undefined : { EnforceIndex: true, JobModifyIndex: index };
}

async function watchStart(client: Client, registration: Registration, signal: AbortSignal): Promise<number> {
  const { id, registered, before, terminal } = registration;
  terminal.err.line(
    { text: "==> ", style: "bold" },
    `job "${id}" registered, evaluation ${shortId(registered.EvalID)}`,
  );
  const { evaluation, unplaced } = await readOutcome(client, registered.EvalID, signal);
  if (unplaced) return reportUnplaced(evaluation, id, terminal);
  const follow = createFollower(terminal, before);
  let announced = false;
  for await (const all of client.watch(ask.jobAllocations(id), signal)) {
    const placed = all.filter(({ EvalID }) => EvalID === registered.EvalID);
    const mine = placed.length > 0 ? placed : all.filter((entry) => !isOver(entry) && entry.DesiredStatus === "run");
    if (!announced) announce(mine, { isNew: placed.length > 0, before }, terminal);
    announced = true;
    // What was there before ends under the same eyes.
    follow(all.filter(({ ID }) => mine.some((entry) => entry.ID === ID) || before.some((entry) => entry.ID === ID)));
    if (mine.length === 0 && (await wantsNone(client, id, signal))) {
      if (!all.every(isOver)) continue;
      terminal.out.line(`job "${id}" has no machine, as it is to have (count = 0)`);
      return EXIT.ok;
    }
    if (isSettled(mine)) return await concludeStart(client, mine, registration);
  }
  return EXIT.failed;
}

/** Whether a job is there and asks for no machine; one that somebody stopped asks for some. */
async function wantsNone(client: Client, id: string, signal: AbortSignal): Promise<boolean> {
  const { Stop, TaskGroups } = await client.read(ask.job(id), signal);
  return !Stop && TaskGroups.every(({ Count }) => Count === 0);
}

/** What was decided about a change; a real Nomad takes a moment for it. */
async function readOutcome(client: Client, id: string, signal: AbortSignal) {
  for await (const evaluation of client.watch(ask.evaluation(id), signal)) {
    if (evaluation.Status === "pending") continue;
    return { evaluation, unplaced: Object.keys(evaluation.FailedTGAllocs).length > 0 };
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
  const hint = never
    ? `ask for less, or give the agent a larger share of this host (client in its configuration)${room}`
    : `it starts when there is room; look with: paddock status ${shellOperand(id)}`;
  err.line({ text: `hint: ${hint}`, style: "cyan" });
  return EXIT.unplaced;
}

function announce(
  allocations: readonly Allocation[],
  { isNew, before }: { readonly isNew: boolean } & Pick<Registration, "before">,
  terminal: Terminal,
): void {
  for (const { ID, TaskGroup } of allocations) {
    const updated = before.some((one) => one.ID === ID) ? "is updated in place and goes on" : "placed";
    const what = isNew ? updated : "is what was asked for and goes on";
    terminal.err.line({ text: "==> ", style: "bold" }, `allocation ${shortId(ID)} of group "${TaskGroup}" ${what}`);
  }
}

async function concludeStart(
  client: Client,
  allocations: readonly Allocation[],
  { id, terminal }: Registration,
): Promise<number> {
  for (const allocation of allocations) {
    for (const [task, { State, Failed, Paddock: machine }] of Object.entries(allocation.TaskStates)) {
      const place = `task "${task}" of allocation ${shortId(allocation.ID)}`;
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
  if (allocations.length > 0) return EXIT.ok;
  throw new AppError("conflict", `job "${id}" has no allocation any more: somebody stopped it`);
}

function pidText(pid: number | null): string {
  return pid === null ? "" : `, QEMU is process ${pid}`;
}
