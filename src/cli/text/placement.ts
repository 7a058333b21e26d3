import { ask, type Client } from "../../client/client.ts";
import type { Evaluation, PlacementMetric } from "../../client/replies.ts";
import type { Piece } from "../terminal/style.ts";
import { breakText } from "../terminal/table.ts";

/** What an evaluation could not place and why, as Nomad's CLI tells it, with the amounts where the agent tells them. */
export function describeFailures({ FailedTGAllocs }: Pick<Evaluation, "FailedTGAllocs">, columns: number): Piece[][] {
  return Object.entries(FailedTGAllocs).flatMap(([group, metric]) => {
    const count = metric.CoalescedFailures + 1;
    const title = `Task Group "${group}" (failed to place ${count} allocation${count === 1 ? "" : "s"}):`;
    return [[title], ...listReasons(metric).flatMap((reason) => bullet(reason, columns))];
  });
}

const BULLET = "  * ";

function bullet(text: string, columns: number): Piece[][] {
  return breakText(text, Math.max(columns - BULLET.length, BULLET.length)).map((line, at) => [
    at === 0 ? BULLET : " ".repeat(BULLET.length),
    line,
  ]);
}

function listReasons(metric: PlacementMetric): string[] {
  const { ConstraintFiltered, NodesExhausted, DimensionExhausted, Paddock } = metric;
  const own = Paddock?.Reasons ?? [];
  // What the agent says of a constraint is what Nomad has as its name.
  const filtered = Object.entries(ConstraintFiltered).map(([name, nodes]) =>
    own.includes(name) ? name : `Constraint "${name}": ${nodes} nodes excluded by filter`,
  );
  return [
    ...filtered,
    ...(NodesExhausted > 0 ? [`Resources exhausted on ${NodesExhausted} nodes`] : []),
    ...Object.entries(DimensionExhausted).map(([name, nodes]) => `Dimension "${name}" exhausted on ${nodes} nodes`),
    ...own.filter((reason) => !Object.hasOwn(ConstraintFiltered, reason)),
  ];
}

/** The evaluation of a job that waits for room; undefined when it does not wait. */
export async function findBlocked(client: Client, jobId: string): Promise<Evaluation | undefined> {
  const evaluations = await client.read(ask.jobEvaluations(jobId));
  return evaluations.filter(({ Status }) => Status === "blocked").toSorted((a, b) => b.CreateIndex - a.CreateIndex)[0];
}

/** Why a job waits, in one line. */
export function waitingReason({ FailedTGAllocs, StatusDescription }: Evaluation): string {
  const reasons = Object.values(FailedTGAllocs).flatMap(({ Paddock, DimensionExhausted }) =>
    Paddock === null ? Object.keys(DimensionExhausted) : Paddock.Reasons,
  );
  return reasons.length > 0 ? reasons.join("; ") : StatusDescription;
}
