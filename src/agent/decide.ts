import type { Allocation, AssignedPort } from "../allocation/allocation.ts";
import { shortId } from "../base/ids.ts";
import { groupsToRun } from "../job/groups-to-run.ts";
import type { Group, Job } from "../job/job.ts";
import { groupPlace } from "../job/place-text.ts";
import type { Amounts } from "../node/node.ts";
import { amountsOf, type Claim, findShortages, sumClaims } from "../placement/amounts.ts";
import type { PlacementFailure } from "../placement/failure.ts";
import type { HeldPort } from "../placement/ports.ts";
import type { AgentContext } from "./context.ts";
import { assignPorts } from "./ports.ts";
import { firstOpenPort } from "./reach.ts";

/** A group with what it gets of the host. */
export interface PlacedGroup {
  readonly group: Group;
  readonly ports: readonly AssignedPort[];
  readonly resources: Amounts;
}

/** Whether there is room for a job now; all of its groups or none. */
export type Decision =
  | { readonly kind: "placed"; readonly groups: readonly PlacedGroup[] }
  | { readonly kind: "waits"; readonly failures: readonly PlacementFailure[] };

type DecideContext = Pick<AgentContext, "store" | "node" | "users">;

/**
 * Compares what a job asks for with what the allocations of the other jobs leave: those of the job itself end before new ones begin.
 * @throws AppError `unplaceable`, `conflict` for ports that this host cannot give at all.
 */
export async function decidePlacement(context: DecideContext, job: Job): Promise<Decision> {
  const { capacity } = context.node();
  const others = otherAllocations(context, job);
  const claims = [...claimsOf(context, others)];
  const held = others.flatMap(heldPorts);
  const groups: PlacedGroup[] = [];
  const failures: PlacementFailure[] = [];
  for (const group of groupsToRun(job)) {
    const resources = amountsOf(group, capacity);
    const lacking = findShortages(capacity, sumClaims(claims), resources);
    const given = await assignPorts(group, capacity, held, context.users === null ? undefined : firstOpenPort);
    const shortages = [...lacking, ...given.shortages];
    if (shortages.length > 0) failures.push({ group: group.name, shortages, filtered: [] });
    groups.push({ group, ports: given.ports, resources });
    // Groups of one job run side by side.
    claims.push({ jobId: `${job.id} ${group.name}`, amounts: resources });
    for (const port of given.ports) {
      held.push({ address: port.hostAddress, port: port.hostPort, holder: groupPlace(group) });
    }
  }
  return failures.length > 0 ? { kind: "waits", failures } : { kind: "placed", groups };
}

/** Those that go on beside a job. */
export function otherAllocations({ store }: Pick<AgentContext, "store">, job: Job): Allocation[] {
  return store.liveAllocations().filter(({ jobId }) => jobId !== job.id);
}

/** What allocations have of the host. */
export function claimsOf(context: Pick<AgentContext, "store" | "node">, allocations: readonly Allocation[]): Claim[] {
  return allocations.map((one) => ({ jobId: one.jobId, amounts: resourcesOf(context, one) }));
}

/** What is wrong with a job's size that time does not mend, for whoever only checks it. */
export function neverFits({ node }: Pick<AgentContext, "node">, job: Job): string[] {
  const { capacity } = node();
  return job.groups.flatMap((group) =>
    findShortages(capacity, sumClaims([]), amountsOf(group, capacity)).map(
      ({ text }) => `${groupPlace(group)}: ${text}`,
    ),
  );
}

/** An agent that did not count has left no amounts with its allocations: their job says what they take. */
function resourcesOf({ store, node }: Pick<AgentContext, "store" | "node">, allocation: Allocation): Amounts {
  if (allocation.resources !== undefined) return allocation.resources;
  const job = store.jobVersion(allocation.jobId, allocation.jobVersion)?.job;
  const group = job?.groups.find(({ name }) => name === allocation.group);
  return group === undefined ? { cpu: 0, cores: 0, memory: 0, disk: 0 } : amountsOf(group, node().capacity);
}

function heldPorts({ id, jobId, ports }: Allocation): HeldPort[] {
  const holder = `allocation ${shortId(id)} of job "${jobId}"`;
  return ports.map(({ hostAddress, hostPort }) => ({ address: hostAddress, port: hostPort, holder }));
}
