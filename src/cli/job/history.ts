import { AppError } from "../../base/errors.ts";
import { askPlan, type Versions } from "../../client/plan.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Flag, Flags } from "../flags.ts";
import { requireJob } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { alignFacts } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";
import { describeDiff } from "../text/diff.ts";

/** Chooses one version of a job. */
export const VERSION_FLAG: Flag = { name: "version", value: "N", count: true, help: "Only this version of the job." };

export const JOB_HISTORY: Command = {
  names: ["job history"],
  summary: "List the versions of a job, with what changed",
  operands: "JOB",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "p", help: "Show what differs from the version before." },
    { name: "full", help: "Show the whole job of each version." },
    VERSION_FLAG,
    { name: "json", data: true, help: "The versions as JSON, newest first; with -version that one." },
  ],
  details:
    "Lists the versions of a job that are remembered, newest first: the last six, and those that an allocation was placed for. Every change of a job makes one; paddock job revert goes back to it. -p shows no env and no credentials; -full and -json show the job as it is.",
  examples: ["paddock job history web", "paddock job history -p web", "paddock job history -version 3 -json web"],
  run: runHistory,
};

async function runHistory(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { out } = context.terminal;
  const client = await connectAgent(invocation);
  const { ID } = await requireJob(client, operands[0] ?? "");
  const history = await client.read(askPlan.versions(ID, flags.has("p")));
  const chosen = chooseVersions(history, flags);
  if (flags.has("json")) {
    const [one] = chosen;
    const jobs = chosen.map(({ job }) => job);
    printJson(out, flags.has(VERSION_FLAG.name) ? one?.job : jobs);
    return EXIT.ok;
  }
  chosen.forEach((version, at) => {
    if (at > 0) out.line();
    printVersion(version, flags, out);
  });
  return EXIT.ok;
}

interface Chosen {
  readonly job: Versions["Versions"][number];
  /** What differs from the version before; undefined for the oldest, and when it was not asked for. */
  readonly diff: Versions["Diffs"][number] | undefined;
}

function chooseVersions(history: Versions, flags: Flags): Chosen[] {
  const all = history.Versions.map((job, at): Chosen => ({ job, diff: history.Diffs[at] }));
  const version = flags.count(VERSION_FLAG.name);
  if (version === undefined) return all;
  const job = findVersion(history, version);
  return all.filter((one) => one.job === job);
}

/** @throws AppError `not_found` for a version that never was or is not remembered. */
export function findVersion({ Versions }: Versions, version: number): Versions["Versions"][number] {
  const found = Versions.find((job) => job.Version === version);
  if (found !== undefined) return found;
  const known = Versions.map((job) => job.Version).join(", ");
  throw new AppError("not_found", `job "${Versions[0]?.ID ?? ""}" has no version ${version}`, {
    hint: `these are remembered: ${known}`,
  });
}

function printVersion({ job, diff }: Chosen, flags: Flags, out: Output): void {
  const facts: [string, string][] = [
    ["Version", String(job.Version)],
    ["Stable", String(job.Stable)],
    ["Submit Date", formatTime(job.SubmitTime)],
    ...(job.Stop ? [["Stopped", "true"] as [string, string]] : []),
  ];
  for (const line of alignFacts(facts, out.columns)) out.line(...line);
  if (diff !== undefined) {
    out.line("Diff:");
    for (const line of describeDiff(diff, true)) out.line(...line);
  }
  if (flags.has("full")) printJson(out, job);
}
