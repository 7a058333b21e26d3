import type { Group, Job } from "../../job/job.ts";
import { groupPlace } from "../../job/place-text.ts";
import type { Amounts } from "../../node/node.ts";
import { amountsOf, amountText, type Claim, findShortages, sumClaims, usableOf } from "../../placement/amounts.ts";
import { claimsOf } from "../place/decide.ts";
import type { Change } from "../reconcile/change.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** What the new machines of a job take of the host beside everything that goes on, whether or not there is room for them. */
export function findResources(
  context: PlanContext,
  job: Job,
  { created, replaced, kept }: Pick<Change, "created" | "replaced" | "kept">,
): Finding[] {
  const goesOn = new Set(kept.map(({ id }) => id));
  const others = context.store.liveAllocations().filter(({ id, jobId }) => jobId !== job.id || goesOn.has(id));
  const claims = [...claimsOf(context, others)];
  const places = [...created, ...replaced.map(({ allocation }) => allocation)];
  return job.groups.flatMap((group) => {
    const copies = places.filter((place) => place.group === group.name).length;
    return copies === 0 ? [] : findOf(context, group, copies, claims);
  });
}

/** Adds what the copies of a group take to the claims. */
function findOf(context: PlanContext, group: Group, copies: number, claims: Claim[]): Finding[] {
  const { capacity } = context.node();
  const free = sumClaims(claims);
  const wanted = amountsOf(group, capacity);
  const lacking = Array.from({ length: copies }, (_, copy) => {
    const found = findShortages(capacity, sumClaims(claims), wanted);
    claims.push({ place: `new ${group.name} ${copy}`, amounts: wanted });
    return found;
  }).find((found) => found.length > 0);
  const times = copies === 1 ? "" : `${copies} × `;
  return NAMES.filter((name) => wanted[name] > 0).map((name): Finding => {
    const shortage = lacking?.find(({ dimension }) => dimension === name);
    const usable = usableOf(capacity)[name];
    const amount = `${name}: ${times}${amountText(name, wanted[name])}`;
    const left = Math.max(0, usable - free[name]);
    const unknown = name === "cpu" && capacity.total.cpu === 0;
    const text = unknown
      ? `${amount}; this host does not tell its MHz`
      : `${amount}, ${left} of ${amountText(name, usable)} free`;
    return finding(group, shortage === undefined, shortage === undefined ? text : `${times}${shortage.text}`);
  });
}

const NAMES = ["cpu", "cores", "memory", "disk"] as const satisfies readonly (keyof Amounts)[];

const finding = (group: Group, ok: boolean, text: string): Finding => ({
  topic: "resource",
  where: groupPlace(group),
  ok,
  text,
});
