import * as v from "valibot";
import { AppError } from "../../base/errors.ts";
import { shellOperand, shellWord } from "../../base/text.ts";
import { askPlan, type Plan } from "../../client/plan.ts";
import type { Job } from "../../job/job.ts";
import {
  ADDRESS_FLAG,
  AGENT_FILE_FLAGS,
  type Command,
  connectAgent,
  type Invocation,
  rehearsalFlags,
} from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth, type Flags } from "../flags.ts";
import { printLabelled } from "../terminal/labelled.ts";
import type { Piece } from "../terminal/style.ts";
import { alignRows, breakText } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { describeDiff } from "../text/diff.ts";
import { describeFailures } from "../text/placement.ts";
import { assertJson, countErrors, readJobFile } from "./file.ts";
import { VARIABLE_FLAGS } from "./variables.ts";
import { printWarnings } from "./warnings.ts";

export const JOB_PLAN: Command = {
  names: ["job plan", "plan"],
  summary: "Show what a job file would change, and change nothing",
  operands: "FILE|-",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "json", help: "The file holds a job in Nomad's JSON." },
    ...VARIABLE_FLAGS,
    { name: "diff", on: true, help: "Leave out what differs from the job as it is registered." },
    {
      name: "local",
      help: "Ask no agent: look at this host as one would that knows of no job and no machine.",
    },
    ...AGENT_FILE_FLAGS,
    { name: "verbose", help: "Show all of what is added or deleted." },
  ],
  details:
    "Shows how the job differs from the one that is registered, whether its machine would go on, be updated in place or be replaced and why, which constraints hold and what was found for them, and what it would meet: resources, ports, images, what is fetched and what is in the cache already, and what becomes of disks. FILE is HCL or Nomad's JSON; - is standard input. With -local it needs no agent: constraints, resources, ports and images are looked at on this host, with the agent's configuration where -config names one, and everything is new.",
  examples: [
    "paddock job plan web.hcl",
    "paddock job plan -local web.hcl",
    "paddock plan -var size=2 web.hcl",
    "paddock plan -diff=false web.hcl && echo nothing to do",
  ],
  exits: [
    [EXIT.ok, "no machine would be started or stopped"],
    [EXIT.changes, "machines would be started or stopped, or the job be refused"],
    [EXIT.noPlan, "there is no plan: the file is not valid, or the agent cannot be asked"],
  ],
  failure: EXIT.noPlan,
  run: runPlan,
};

async function runPlan(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { terminal } = context;
  const [path = ""] = operands;
  assertNotBoth(flags, "local", "address");
  assertOnlyLocal(flags);
  const file = await readJobFile(path, invocation);
  if (flags.has("json")) assertJson(file);
  if (file.job === undefined) throw new AppError("invalid", `${file.name} is not a valid job: ${countErrors(file)}`);
  const plan = flags.has("local") ? await planHere(file.job, invocation) : await askAgent(file.job, invocation);
  printWarnings(plan, file.diagnostics, terminal, []);
  printPlan(plan, terminal.out, flags.has("verbose"));
  if (flags.has("local")) printLocal(terminal.out, invocation);
  else printIndex(plan, invocation);
  return changesAnything(plan) ? EXIT.changes : EXIT.ok;
}

/** @throws AppError `invalid` for what only a plan without an agent takes. */
function assertOnlyLocal(flags: Flags): void {
  const given = AGENT_FILE_FLAGS.find(({ name }) => flags.text(name) !== undefined);
  if (given === undefined || flags.has("local")) return;
  throw new AppError("invalid", `flag -${given.name} is for a plan without an agent`, { hint: "say -local, too" });
}

async function askAgent(job: Job, invocation: Invocation): Promise<Plan> {
  const { encodeJob } = await import("../../job/wire.ts");
  const body = { Job: encodeJob(job), Diff: invocation.flags.has("diff") };
  const client = await connectAgent(invocation);
  return await client.change("PUT", askPlan.plan(job.id), body);
}

async function planHere(job: Job, { context, flags }: Invocation): Promise<Plan> {
  const warn = (text: string): void => printLabelled(context.terminal.err, "warning", text.trimEnd());
  return v.parse(askPlan.plan(job.id).schema, await context.rehearse.plan(rehearsalFlags(flags), job, warn));
}

const WITHOUT_AGENT =
  "No agent was asked: what jobs and machines this host has already is not known here, and what they take is not counted.";

function printLocal(out: Output, { flags, operands: [path = ""] }: Invocation): void {
  for (const line of breakText(WITHOUT_AGENT, out.columns)) out.line(line);
  out.line("To submit the job run:");
  out.line();
  out.line(`paddock job run ${[...variableWords(flags), shellOperand(path)].join(" ")}`);
}

function changesAnything({ Annotations, Paddock }: Plan): boolean {
  const groups = Object.values(Annotations?.DesiredTGUpdates ?? {});
  const refused = (Paddock?.Refused ?? []).length > 0;
  return refused || groups.some((group) => Object.values(group).some((count) => count > 0));
}

function printPlan(plan: Plan, out: Output, verbose: boolean): void {
  const { Diff, Paddock } = plan;
  for (const line of Diff === null ? [] : describeDiff(Diff, verbose)) out.line(...line);
  if (Paddock !== null) {
    for (const line of describeActions(Paddock, out.columns)) out.line(...line);
    for (const line of describeFindings(Paddock.Findings, out.columns)) out.line(...line);
  }
  out.line({ text: "Scheduler dry-run:", style: "bold" });
  const refused = Paddock?.Refused ?? [];
  if (refused.length > 0) {
    out.line({ text: "- WARNING: paddock job run refuses this job:", style: "red" });
    for (const line of alignRows(
      refused.map((reason) => ["*", reason]),
      out.columns,
      "  ",
    ))
      out.line(...line);
  } else if (Object.keys(plan.FailedTGAllocs).length > 0) {
    out.line({ text: "- WARNING: no room for all allocations now:", style: "yellow" });
    for (const line of describeFailures(plan, out.columns)) out.line("  ", ...line);
  } else out.line({ text: "- All tasks successfully allocated.", style: "green" });
  // Who is refused has no new machine.
  const troubles = refused.length > 0 ? [] : (Paddock?.Findings ?? []).filter(keepsFromStarting);
  if (troubles.length > 0) out.line({ text: "- WARNING: a new machine would not start:", style: "red" });
  const rows = troubles.map(({ Where, Text }) => ["*", `${Where}: ${Text}`]);
  for (const line of alignRows(rows, out.columns, "  ")) out.line(...line);
  out.line();
}

/** What nobody looks at before a machine is to start; the rest refuses the job, lets it wait, or is asked for. */
function keepsFromStarting({ OK, Topic }: NonNullable<Plan["Paddock"]>["Findings"][number]): boolean {
  return !OK && (Topic === "image" || Topic === "port" || Topic === "artifact");
}

function describeActions({ Actions }: NonNullable<Plan["Paddock"]>, columns: number): Piece[][] {
  if (Actions.length === 0) return [];
  const alike = Map.groupBy(Actions, ({ Group, Text }) => JSON.stringify([Group, Text]));
  const rows = [...alike.values()].flatMap(([first, ...more]): Piece[][] => {
    if (first === undefined) return [];
    const times = more.length === 0 ? "" : `${more.length + 1} × `;
    return [[`group "${first.Group}"`, `${times}${first.Text}`]];
  });
  return [[{ text: "Actions:", style: "bold" }], ...alignRows(rows, columns, "  "), []];
}

const TITLES: Readonly<Record<string, string>> = {
  constraint: "Constraints:",
  resource: "Resources:",
  port: "Ports:",
  image: "Images:",
  artifact: "Artifacts:",
  disk: "Disks:",
};

/** By topic, in the order in which they came. */
function describeFindings(findings: NonNullable<Plan["Paddock"]>["Findings"], columns: number): Piece[][] {
  return [...Map.groupBy(findings, ({ Topic }) => Topic)].flatMap(([topic, all]) => {
    const rows = all.map(({ OK, Where, Text }): Piece[] => [
      OK ? { text: "ok", style: "green" } : { text: "no", style: "red" },
      Where,
      Text,
    ]);
    return [[{ text: TITLES[topic] ?? topic, style: "bold" } as const], ...alignRows(rows, columns, "  "), []];
  });
}

const ONLY_THEN =
  "It is run only if nobody has changed the job since then, so that it is this plan that is carried out.";

function printIndex({ JobModifyIndex }: Plan, { context, flags, operands: [path = ""] }: Invocation): void {
  const { out } = context.terminal;
  out.line({ text: `Job Modify Index: ${JobModifyIndex}`, style: "bold" });
  out.line("To submit the job with version verification run:");
  out.line();
  const words = [...addressWords(flags), `-check-index ${JobModifyIndex}`, ...variableWords(flags), shellOperand(path)];
  out.line(`paddock job run ${words.join(" ")}`);
  out.line();
  for (const line of breakText(ONLY_THEN, out.columns)) out.line(line);
}

function addressWords(flags: Flags): string[] {
  const address = flags.text("address");
  return address === undefined ? [] : [`-address ${shellWord(address)}`];
}

/** The flags of the file's variables. A value may be a secret, and what a plan prints is kept by many. */
function variableWords(flags: Flags): string[] {
  const values = flags.list("var").map((text) => `-var ${shellWord(`${text.split("=", 1)[0] ?? ""}=...`)}`);
  const strict = flags.has("hcl2-strict") ? [] : ["-hcl2-strict=false"];
  return [...flags.list("var-file").map((path) => `-var-file ${shellWord(path)}`), ...values, ...strict];
}
