import * as v from "valibot";
import { AppError } from "../../base/errors.ts";
import { shellOperand } from "../../base/text.ts";
import { ask, type Client, createClient } from "../../client/client.ts";
import { type OnlyAtIndex, RegisteredSchema } from "../../client/replies.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import type { Flags } from "../flags.ts";
import { printJson } from "../terminal/json.ts";
import { confirmDiscards, DISCARD_FLAG } from "./discard.ts";
import { assertJson, countErrors, examineJobFile, readJobFile } from "./file.ts";
import { VARIABLE_FLAGS } from "./variables.ts";
import { printWarnings } from "./warnings.ts";
import { type Registration, watchStart } from "./watch-start.ts";

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
      const word = shellOperand(id);
      terminal.err.line(`job "${id}" goes on; look with: paddock status ${word}; stop it with: paddock stop ${word}`);
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

/** What came of a job that was sent before this command was loaded; null where nothing did, and it is this command's turn. */
async function takeEarly({ context, flags, operands }: Invocation): Promise<Registration | null> {
  const { early, terminal } = context;
  if (early === null || early.path !== operands[0]) return null;
  const reply = await early.reply;
  if (reply instanceof AppError || reply instanceof Interrupted) throw reply;
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
  if (flags.has("output")) {
    const { outputJob } = await import("../../job/output.ts");
    printJson(terminal.out, { Job: outputJob(job, file.kept) });
    return null;
  }
  const { encodeJob } = await import("../../job/wire.ts");
  const encoded = encodeJob(job);
  const client = await connectAgent({ context, flags }, signal);
  const before = await client.read(ask.jobAllocations(job.id), signal);
  // What was answered is about the job as it was then.
  const at = before.length === 0 ? undefined : await indexOf(client, job.id, signal);
  const asked =
    before.length === 0 ? [] : await confirmDiscards(client, { id: job.id, job: encoded, flags, terminal }, signal);
  // Not to be interrupted: nobody would know whether the job was registered.
  const only = onlyAt(flags) ?? (asked.length > 0 ? at : undefined);
  const registered = await client.registerJob(encoded, { Source: text, Format: format }, only);
  printWarnings(registered, file.diagnostics, terminal, asked);
  return { id: job.id, client, registered, before, terminal };
}

/** The last change of a job that may be gone: its allocations outlive it. */
async function indexOf(client: Client, id: string, signal: AbortSignal): Promise<OnlyAtIndex> {
  try {
    const { JobModifyIndex } = await client.read(ask.job(id), signal);
    return { EnforceIndex: true, JobModifyIndex };
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return { EnforceIndex: true, JobModifyIndex: 0 };
    throw error;
  }
}

function onlyAt(flags: Flags): OnlyAtIndex | undefined {
  const index = flags.count("check-index");
  return index === undefined ? undefined : { EnforceIndex: true, JobModifyIndex: index };
}
