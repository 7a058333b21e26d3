import type { Allocation, GroupSummary, JobEntry, JobInfo } from "../../client/replies.ts";
import { idText } from "../command.ts";
import { healthText } from "../machine/ps.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";

const STATES = [
  "Queued",
  "Starting",
  "Running",
  "Failed",
  "Complete",
  "Lost",
] as const satisfies (keyof GroupSummary)[];

/** The allocations of each group by their states, as Nomad's CLI shows them, of a job that asks for more than one machine. */
export function printGroups(
  { TaskGroups }: Pick<JobInfo, "TaskGroups">,
  { JobSummary }: Pick<JobEntry, "JobSummary">,
  out: Output,
): void {
  const [only] = TaskGroups;
  if (TaskGroups.length <= 1 && (only?.Count ?? 0) <= 1) return;
  const { Summary } = JobSummary ?? { Summary: {} };
  const rows = Object.entries(Summary).map(([group, counts]): Piece[] => [
    group,
    String(TaskGroups.find(({ Name }) => Name === group)?.Count ?? 0),
    ...STATES.map((state) => String(counts[state])),
  ]);
  out.line();
  out.line({ text: "Summary", style: "bold" });
  for (const line of alignTable(["Task Group", "Count", ...STATES], rows, out.columns)) out.line(...line);
}

/** The machines of a job that has several, one line each. */
export function printCopies(
  allocations: readonly Allocation[],
  {
    Version,
    failed,
  }: { readonly Version: number /** A machine of this version has failed. */; readonly failed: boolean },
  { out, verbose }: { readonly out: Output; readonly verbose: boolean },
): void {
  // Nobody has to look at a column in which nothing stands.
  const health = allocations.some(({ DeploymentStatus }) => DeploymentStatus !== null);
  const rows = allocations.map((one): Piece[] => [
    idText(one.ID, verbose),
    one.Name,
    String(one.JobVersion),
    one.DesiredStatus,
    statusPiece(one.ClientStatus),
    ...(health ? [statusPiece(healthText(one) ?? "-")] : []),
    formatTime(one.CreateTime),
  ]);
  const header = ["Allocations", "Name", "Version", "Desired", "Status", ...(health ? ["Health"] : []), "Created"];
  out.line();
  for (const line of alignTable(header, rows, out.columns)) out.line(...line);
  const older = allocations.filter((one) => one.DesiredStatus === "run" && one.JobVersion < Version).length;
  if (older === 0) return;
  out.line();
  const until = failed ? "a machine of the new one failed, and the job has to be run again" : "until it is their turn";
  out.line(`${older} of them ${older === 1 ? "runs" : "run"} by an earlier version${failed ? ": " : " "}${until}`);
}
