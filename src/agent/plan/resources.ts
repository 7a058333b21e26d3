import { groupsToRun } from "../../job/groups-to-run.ts";
import type { Group, Job } from "../../job/job.ts";
import { groupPlace } from "../../job/place-text.ts";
import type { Amounts } from "../../node/node.ts";
import { amountsOf, amountText, findShortages, sumClaims, usableOf } from "../../placement/amounts.ts";
import { claimsOf, otherAllocations } from "../decide.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** What a job takes of the host beside the other jobs, whether or not there is room for it. */
export function findResources(context: PlanContext, job: Job): Finding[] {
  const { capacity } = context.node();
  const claims = claimsOf(context, otherAllocations(context, job));
  return groupsToRun(job).flatMap((group) => {
    const used = sumClaims(claims);
    const wanted = amountsOf(group, capacity);
    claims.push({ jobId: `${job.id} ${group.name}`, amounts: wanted });
    const lacking = findShortages(capacity, used, wanted);
    return NAMES.filter((name) => wanted[name] > 0).map((name): Finding => {
      const shortage = lacking.find(({ dimension }) => dimension === name);
      const usable = usableOf(capacity)[name];
      const fits = `${name}: ${amountText(name, wanted[name])}, ${Math.max(0, usable - used[name])} of ${amountText(name, usable)} free`;
      const unknown = name === "cpu" && capacity.total.cpu === 0;
      const text = unknown ? `cpu: ${amountText(name, wanted[name])}; this host does not tell its MHz` : fits;
      return finding(group, shortage === undefined, shortage?.text ?? text);
    });
  });
}

const NAMES = ["cpu", "cores", "memory", "disk"] as const satisfies readonly (keyof Amounts)[];

const finding = (group: Group, ok: boolean, text: string): Finding => ({
  topic: "resource",
  where: groupPlace(group),
  ok,
  text,
});
