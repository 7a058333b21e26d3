import { shortId } from "../../base/ids.ts";
import { formatBytes } from "../../base/units.ts";
import { askSystem, type Garbage } from "../../client/system.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";
import { printLabelled } from "../terminal/labelled.ts";
import { alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";

export const SYSTEM_GC: Command = {
  names: ["system gc"],
  summary: "Remove everything that has ended and that nobody needs any more",
  operands: "",
  takes: [0, 0],
  flags: [
    ADDRESS_FLAG,
    { name: "discard", help: "Removes disks that guests have written to as well, before their time is over." },
    JSON_FLAG,
  ],
  details:
    "Removes ended allocations with their directories, logs and histories, jobs that are dead, and evaluations, without waiting for the limits of the agent's configuration. What runs stays, and so do the last allocation of each job that is to run and disks that guests have written to, until gc_disk_retention is over. What a removed allocation alone held in the cache may go then: paddock image prune.",
  examples: ["paddock system gc", "paddock system gc -discard"],
  exits: [
    [EXIT.ok, "all that may go is gone"],
    [EXIT.failed, "something could not be removed, or there is no agent"],
  ],
  run: runSystemGc,
};

async function runSystemGc(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  const client = await connectAgent(invocation);
  const garbage = await client.change("PUT", askSystem.gc(flags.has("discard")));
  if (flags.has("json")) printJson(out, garbage);
  else printRemoved(garbage, out);
  for (const { Task, AllocID, JobID, Bytes, Path, Until } of garbage.Kept) {
    const size = Bytes === 0 ? "" : `, ${formatBytes(Bytes)}`;
    const whose = `task "${Task}" of job "${JobID}" (allocation ${shortId(AllocID)}${size})`;
    err.line(`the disk of ${whose} is kept until ${formatTime(Until)}: ${Path}`);
  }
  for (const trouble of garbage.Troubles) printLabelled(err, "warning", trouble);
  err.line(summaryOf(garbage));
  return garbage.Troubles.length === 0 ? EXIT.ok : EXIT.failed;
}

function printRemoved({ Removed }: Garbage, out: Output): void {
  if (Removed.length === 0) return;
  const rows = Removed.map(({ AllocID, JobID, EndedAt, Bytes }) => [
    shortId(AllocID),
    JobID,
    formatTime(EndedAt),
    formatBytes(Bytes),
  ]);
  for (const line of alignTable(["ID", "Job", "Ended", "Freed"], rows, out.columns)) out.line(...line);
}

function summaryOf({ Removed, Jobs, Evaluations }: Garbage): string {
  const parts = [count(Removed.length, "allocation"), count(Jobs, "job"), count(Evaluations, "evaluation")];
  const some = parts.filter((part) => part !== null);
  if (some.length === 0) return "nothing to remove";
  const freed = formatBytes(Removed.reduce((sum, { Bytes }) => sum + Bytes, 0));
  return `removed ${some.join(", ")}; ${freed} freed`;
}

const count = (many: number, what: string): string | null =>
  many === 0 ? null : `${many} ${what}${many === 1 ? "" : "s"}`;
