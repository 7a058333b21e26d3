import { type Allocation, isTerminal } from "../../allocation/allocation.ts";
import { isSamePlace } from "../../allocation/place.ts";
import { machineFiles, taskDirs } from "../../paths.ts";
import type { EndedAllocation } from "../../state/collection-tables.ts";
import { isNamed } from "../../supervisor/command-lines.ts";
import type { AgentContext } from "../context.ts";
import { findFormerDisk, LONGEST_CHAIN } from "../disk/bring.ts";
import { findLeftDisks, type LeftDisk } from "../disk/left.ts";
import { placesOf } from "../reconcile/reconcile.ts";
import { type JobStanding, reasonToStay, type Stay } from "./collectable.ts";

type Context = Pick<AgentContext, "store" | "dirs" | "supervisor" | "clock" | "garbage">;

/** What is found out once for all allocations that are looked at. */
export interface Surroundings {
  readonly bootId: string;
  readonly commandLines: readonly string[];
  /** Nobody wants to keep what guests wrote. */
  readonly discard: boolean;
}

export type Examined =
  | { readonly kind: "goes" }
  /** It is gone already, or has not ended after all. */
  | { readonly kind: "none" }
  /** A process that belongs to no record has been started for it. */
  | { readonly kind: "runs" }
  | { readonly kind: "stays"; readonly stay: Stay; readonly disks: readonly LeftDisk[] };

/** Looks whether an ended allocation may go, by its record, its directory and the host's processes as they are now. */
export async function examineEnded(
  context: Context,
  { id }: Pick<EndedAllocation, "id">,
  standing: JobStanding,
  { bootId, commandLines, discard }: Surroundings,
): Promise<Examined> {
  const { store, dirs, supervisor, clock, garbage } = context;
  const allocation = store.allocation(id);
  if (allocation === undefined || !isTerminal(allocation) || supervisor.live(id) !== undefined) return { kind: "none" };
  const journals = Object.keys(allocation.tasks).map((task) => journalOf(context, allocation, task));
  if (journals.some((journal) => isNamed(journal, commandLines))) return { kind: "runs" };
  const newest = store.newestAt(allocation.jobId, allocation);
  const wanted = isWanted(store, allocation);
  const isNewest = newest?.id === id && wanted;
  // The rule that needs no look at its directory.
  if (standing === "current" && isNewest) return { kind: "stays", stay: { because: "newest" }, disks: [] };
  const disks = await findLeftDisks({ store, dirs }, allocation);
  // What is dead for long, or was purged, will have no other machine; one that still lives may be about to take its disk.
  const lives = newest !== undefined && !isTerminal(newest);
  const mayGoOn =
    (standing === "current" || lives) && mayMoveAlong(store, allocation) && (await isAwaited(context, id, newest));
  // The disk of a place that was given up is kept from the end of its last machine, which may have had none of its own.
  const last = mayGoOn && !wanted && newest !== undefined && !lives ? newest : allocation;
  const ended = {
    standing,
    endedAt: Math.max(endOf(last, context, bootId), collectingSince(store)),
    newest: isNewest,
    awaited: mayGoOn && (wanted || lives),
    hasDisk: disks.length > 0 && !discard && !store.isDiscarded(id),
  };
  const stay = reasonToStay(ended, clock.now(), garbage);
  return stay === null ? { kind: "goes" } : { kind: "stays", stay, disks };
}

/** Whether its job still asks for a machine in its place. */
function isWanted(store: Pick<Context["store"], "job">, allocation: Allocation): boolean {
  const job = store.job(allocation.jobId)?.job;
  return job !== undefined && placesOf(job).some((place) => isSamePlace(place, allocation));
}

/** Whether its job, as it is now, lets a disk go on with what takes its place. */
function mayMoveAlong(store: Pick<Context["store"], "job">, { jobId, group }: Allocation): boolean {
  const found = store.job(jobId)?.job.groups.find(({ name }) => name === group);
  return found === undefined || found.ephemeral_disk.sticky;
}

/** What QEMU and its wrapper name on their command lines, up to the number of the start. */
function journalOf({ dirs }: Pick<Context, "dirs">, { id }: Allocation, task: string): string {
  const { journalPrefix } = machineFiles(taskDirs(dirs, id, task), 0);
  return journalPrefix.slice(0, -1);
}

/**
 * When an allocation had ended by the clock of now: one that was set since, as on a host that starts with a wrong one, must not let a
 * disk seem older than it is.
 */
function endOf({ tasks, clock: mark }: Allocation, { clock }: Pick<Context, "clock">, bootId: string): number {
  const ends = Object.values(tasks).map(({ machine }) => (machine.kind === "ended" ? machine.ending.at : 0));
  const sinceBoot = clock.sinceBoot();
  const jump = mark?.bootId === bootId && sinceBoot !== null ? clock.now() - sinceBoot - mark.offset : 0;
  return Math.max(...ends) + jump;
}

/** The fact that says since when what has ended is removed, in milliseconds since 1970. */
export const SINCE_FACT = "collecting_since";

/** Writes down that from now on what has ended is removed. A clock that was ahead then is put right. */
export function noteCollecting({ store, recorder, clock }: Pick<AgentContext, "store" | "recorder" | "clock">): void {
  const now = clock.now();
  if (store.fact(SINCE_FACT) !== undefined && collectingSince(store) <= now) return;
  recorder.record(() => store.setFact(SINCE_FACT, String(now)));
}

/** Former versions removed nothing: for how long a disk is kept nobody was told then, and counts from there. */
function collectingSince(store: Context["store"]): number {
  return Number(store.fact(SINCE_FACT) ?? 0);
}

/** Whether a disk is looked for in an allocation, or by way of it, when the newest of its place starts or is replaced. */
async function isAwaited(context: Context, id: string, newest: Allocation | undefined): Promise<boolean> {
  if (newest === undefined) return false;
  for (const task of Object.keys(newest.tasks)) {
    const way = wayBack(context, newest);
    if (!way.includes(id)) continue;
    // What a machine did to its directory hides whether there is a disk, and then nothing on the way to it may go.
    const found = await findFormerDisk(context, newest.id, task).catch(() => "unknown" as const);
    if (found === "unknown") return true;
    if (found !== undefined && way.indexOf(id) <= way.indexOf(found.allocation.id)) return true;
  }
  return false;
}

function wayBack({ store }: Pick<Context, "store">, newest: Allocation): string[] {
  const way: string[] = [];
  let next: Allocation | undefined = newest;
  while (next !== undefined && way.length < LONGEST_CHAIN) {
    way.push(next.id);
    next = next.previousAllocation === undefined ? undefined : store.allocation(next.previousAllocation);
  }
  return way;
}
