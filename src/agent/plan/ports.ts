import { AppError } from "../../base/errors.ts";
import type { Group, Job, Port } from "../../job/job.ts";
import { groupPlace } from "../../job/place-text.ts";
import { portOwner } from "../../job/task-ports.ts";
import { findPortHolder } from "../../node/port-holder.ts";
import { addressOf, portsOf } from "../../placement/ports.ts";
import type { Decision } from "../place/decide.ts";
import { isFree } from "../place/ports.ts";
import { assertPortOpen } from "../start/reach.ts";
import type { Finding, PlanContext } from "./finding.ts";

/** The ports of a job's groups: who has the static ones, and where the others will come from. */
export async function findPorts(context: PlanContext, job: Job, decision: Decision | undefined): Promise<Finding[]> {
  const failures = decision?.failures ?? [];
  const found: Finding[] = [];
  for (const group of job.groups) {
    const shortages = failures
      .filter((failure) => failure.group === group.name)
      .flatMap((failure) => failure.shortages.filter(({ dimension }) => dimension.startsWith("network:")));
    const where = groupPlace(group);
    found.push(...shortages.map(({ text }): Finding => ({ topic: "port", where, ok: false, text })));
    if (shortages.length > 0) continue;
    for (const port of portsOf(group))
      found.push({ topic: "port", where, ...(await findPort(context, job, group, port)) });
  }
  return found;
}

async function findPort(
  context: PlanContext,
  job: Job,
  group: Group,
  port: Port,
): Promise<Pick<Finding, "ok" | "text">> {
  const { capacity } = context.node();
  const guest = guestText(group, port);
  try {
    const address = addressOf(port, capacity);
    const { first, last } = capacity.dynamicPorts;
    if (port.static === 0) return { ok: true, text: `${port.label}: a free port from ${first} to ${last}${guest}` };
    if (context.users !== null) assertPortOpen(port.static, port.label);
    const text = `${port.label}: ${address === "" ? "" : `${address}:`}${port.static}${guest}`;
    if (isOwn(context, job, port.static) || (await isFree("tcp", address, port.static))) return { ok: true, text };
    const holder = findPortHolder("tcp", port.static, address) ?? "another process";
    return { ok: false, text: `${text}: port ${port.static}/tcp is in use by ${holder}` };
  } catch (error) {
    if (error instanceof AppError) return { ok: false, text: `${port.label}: ${error.message}` };
    throw error;
  }
}

/** What the machine has that this one takes the place of is free by then. */
function isOwn({ store }: PlanContext, { id }: Job, wanted: number): boolean {
  return store
    .liveAllocations()
    .some(({ jobId, ports }) => jobId === id && ports.some((port) => port.hostPort === wanted));
}

function guestText(group: Group, { label, to }: Port): string {
  const owner = portOwner(group, label);
  const guest = owner?.config.port_map[label] ?? (to > 0 ? to : undefined);
  const whose = group.tasks.length > 1 && owner !== undefined ? ` of task "${owner.name}"` : "";
  if (guest !== undefined) return ` → guest ${guest}${whose}`;
  return to === -1 ? " → the same port of the guest" : "";
}
