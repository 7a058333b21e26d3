import { isAbsolute } from "node:path";
import type { Allocation, AssignedPort } from "../../allocation/allocation.ts";
import { isSamePlace, type Place, placeName } from "../../allocation/place.ts";
import { shortId } from "../../base/ids.ts";
import type { Group, Job } from "../../job/job.ts";
import { groupPlace } from "../../job/place-text.ts";
import type { Amounts, Capacity } from "../../node/node.ts";
import { amountsOf, type Claim, findShortages, sumClaims } from "../../placement/amounts.ts";
import type { PlacementFailure, Shortage } from "../../placement/failure.ts";
import type { HeldPort } from "../../placement/ports.ts";
import type { AgentContext } from "../context.ts";
import type { Turn } from "../reconcile/turns.ts";
import { firstOpenPort } from "../start/reach.ts";
import { whyIneligible } from "./eligibility.ts";
import { assignPorts } from "./ports.ts";

/** A copy of a group with what it gets of the host. */
export interface PlacedCopy {
  readonly group: Group;
  readonly index: number;
  readonly ports: readonly AssignedPort[];
  readonly resources: Amounts;
  /** Ids of allocations that have to end before it begins. */
  readonly waitsFor: readonly string[];
}

/** For which copies there is room now, and why for others there is not; one that lacks room keeps no other from its own. */
export interface Decision {
  readonly placed: readonly PlacedCopy[];
  readonly failures: readonly PlacementFailure[];
}

type DecideContext = Pick<AgentContext, "store" | "node" | "users">;

/**
 * Compares what copies of a job ask for with what everything else leaves. What has the place of a copy ends before it begins. Where there
 * is room only once others of the job that are to stop have ended, it waits for these, too, and for those that keep its image from it.
 * @param stopping of the job, to be stopped now.
 * @throws AppError `unplaceable`, `conflict` for ports that this host cannot give at all.
 */
export async function decidePlacement(
  context: DecideContext,
  job: Job,
  turns: readonly Turn[],
  stopping: readonly Allocation[] = [],
): Promise<Decision> {
  const live = context.store.liveAllocations();
  const own = live.filter(({ jobId }) => jobId === job.id);
  const ends = new Set(stopping.map(({ id }) => id));
  const leaving = own.filter(({ id, desired }) => desired === "stop" || ends.has(id));
  const placed: PlacedCopy[] = [];
  const failures = new Map<string, PlacementFailure>();
  // What is replaced has the room of what it replaces: that a new copy of its group lacks room says nothing about it.
  const lacking = new Set<string>();
  const fail = ({ place, replaces }: Turn, shortages: readonly Shortage[], filtered: readonly string[] = []): void => {
    const { group } = place;
    const before = failures.get(group);
    lacking.add(kindOf(group, replaces));
    failures.set(
      group,
      before === undefined ? { group, shortages, filtered } : { ...before, coalesced: (before.coalesced ?? 0) + 1 },
    );
  };
  const ineligible = whyIneligible(context);
  for (const turn of turns) {
    if (ineligible !== null) {
      fail(turn, [], [ineligible]);
      continue;
    }
    const { place, replaces, limit = Number.POSITIVE_INFINITY } = turn;
    if (placed.filter(({ group }) => group.name === place.group).length >= limit) continue;
    if (lacking.has(kindOf(place.group, replaces))) {
      fail(turn, []);
      continue;
    }
    const here = own.filter((one) => isSamePlace(one, place));
    const all = [...new Set([...here, ...leaving])];
    const beside = (gone: readonly Allocation[]) => fit(context, { job, place, live, gone, placed });
    const first = await beside(here);
    const given = "ports" in first || all.length === here.length ? first : await beside(all);
    if ("ports" in given) {
      placed.push(given);
      if (replaces !== undefined) leaving.push(replaces);
    } else fail(turn, given.shortages);
  }
  const holdersOf = imageHolders(context, leaving);
  const holders = new Map(job.groups.map((group) => [group.name, holdersOf(group)]));
  const behind = (copy: PlacedCopy): PlacedCopy => {
    const waitsFor = new Set([...copy.waitsFor, ...(holders.get(copy.group.name) ?? [])]);
    return { ...copy, waitsFor: [...waitsFor] };
  };
  return { placed: placed.map(behind), failures: [...failures.values()] };
}

/** Copies that are placed or fail alike: those of a group that replace something, and those that do not. */
const kindOf = (group: string, replaces: Allocation | undefined): string =>
  JSON.stringify([group, replaces !== undefined]);

/**
 * Finds the allocations that have an image of the host which a group names, too: where one of the two writes to it, it is free only when
 * their machines have ended. Compared as the job files spell it.
 */
function imageHolders({ store }: DecideContext, leaving: readonly Allocation[]): (wanted: Group) => string[] {
  const versions = new Map<number, Job | undefined>();
  for (const { jobId, jobVersion } of leaving) {
    if (!versions.has(jobVersion)) versions.set(jobVersion, store.jobVersion(jobId, jobVersion)?.job);
  }
  return (wanted) => {
    const names = imagesOf(wanted);
    const holds = ({ jobVersion, group }: Allocation): boolean =>
      imagesOf(versions.get(jobVersion)?.groups.find(({ name }) => name === group)).some((had) =>
        names.some(({ path, written }) => path === had.path && (written || had.written)),
      );
    return leaving.filter(holds).map(({ id }) => id);
  };
}

/** Of the host; what is in an allocation's own directory is nobody else's. */
function imagesOf(group: Group | undefined): readonly { readonly path: string; readonly written: boolean }[] {
  const configs = group?.tasks.map(({ config }) => config) ?? [];
  return configs
    .map(({ image_path: path, disk }) => ({ path, written: disk !== "overlay" && disk !== "copy" }))
    .filter(({ path }) => isAbsolute(path));
}

interface Fitting {
  readonly job: Job;
  readonly place: Place;
  readonly live: readonly Allocation[];
  /** Of these, those that have ended by then. */
  readonly gone: readonly Allocation[];
  /** Copies that were placed just now. */
  readonly placed: readonly PlacedCopy[];
}

async function fit(
  context: DecideContext,
  { job, place, live, gone, placed }: Fitting,
): Promise<PlacedCopy | { readonly shortages: readonly Shortage[] }> {
  const group = job.groups.find(({ name }) => name === place.group);
  if (group === undefined) throw new Error(`job ${job.id} has no group ${place.group}`);
  const { capacity } = context.node();
  const others = live.filter((one) => !gone.includes(one));
  const claims = [
    ...claimsOf(context, others),
    ...claimsToCome(job, others, capacity),
    ...placed.map((copy) => claimOf(job, copy)),
  ];
  const isSibling = (one: Allocation): boolean => one.jobId === job.id && one.group === group.name;
  const held = [
    ...others.flatMap((one) => heldPorts(one, isSibling(one))),
    ...placed.flatMap((copy) => newPorts(job, copy, copy.group === group)),
  ];
  const resources = amountsOf(group, capacity);
  const lacking = findShortages(capacity, sumClaims(claims), resources);
  const given = await assignPorts(group, capacity, held, context.users === null ? undefined : firstOpenPort);
  const shortages = [...lacking, ...given.shortages];
  if (shortages.length > 0) return { shortages };
  return { group, index: place.index, ports: given.ports, resources, waitsFor: gone.map(({ id }) => id) };
}

/** What allocations have of the host. */
export function claimsOf(context: Pick<AgentContext, "store" | "node">, allocations: readonly Allocation[]): Claim[] {
  return allocations.map((one) => ({ place: placeKey(one.jobId, one), amounts: resourcesOf(context, one) }));
}

/** What takes the places of a job's allocations later must still find its room then, where it needs more than what is there now. */
function claimsToCome(job: Job, others: readonly Allocation[], capacity: Capacity): Claim[] {
  return others.flatMap((one) => {
    const group = job.groups.find(({ name }) => name === one.group);
    if (one.jobId !== job.id || group === undefined || one.index >= group.count) return [];
    return [{ place: placeKey(job.id, one), amounts: amountsOf(group, capacity) }];
  });
}

const claimOf = (job: Job, { group, index, resources }: PlacedCopy): Claim => ({
  place: placeKey(job.id, { group: group.name, index }),
  amounts: resources,
});

/** Names of allocations are not unique: a job's name may have dots, and a group's. */
const placeKey = (jobId: string, { group, index }: Place): string => JSON.stringify([jobId, group, index]);

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

function heldPorts({ id, jobId, ports }: Allocation, own: boolean): HeldPort[] {
  const holder = `allocation ${shortId(id)} of job "${jobId}"`;
  return ports.map(({ hostAddress, hostPort }) => ({ address: hostAddress, port: hostPort, holder, own }));
}

function newPorts(job: Job, { group, index, ports }: PlacedCopy, own: boolean): HeldPort[] {
  const holder = `${placeName(job.id, { group: group.name, index })} of the same job`;
  return ports.map(({ hostAddress, hostPort }) => ({ address: hostAddress, port: hostPort, holder, own }));
}
