import { statfs } from "node:fs/promises";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { Allocation } from "../../allocation/allocation.ts";
import { errnoOf, errorText } from "../../base/errors.ts";
import { openRemover, type Remover } from "../../base/remove-directory.ts";
import { type AgentDirs, allocsDir } from "../../paths.ts";
import { type EndedAllocation, endedAt } from "../../state/collection-tables.ts";
import type { Collection, CollectReason } from "../../state/records.ts";
import { readCommandLinesInTurns } from "../../supervisor/command-lines.ts";
import { readBootId } from "../../supervisor/identity.ts";
import type { AgentContext } from "../context.ts";
import { type DiskUse, type JobStanding, type Pressure, pressureOf, reasonToGo } from "./collectable.ts";
import { type Examined, examineEnded, noteCollecting, type Surroundings } from "./examine.ts";
import { forgetEvaluations, forgetJobs, jobStanding } from "./forget.ts";
import type { GarbageOutcome, KeptDisk } from "./outcome.ts";
import { removeAllocation } from "./remove.ts";
import { whyItStays } from "./stay-text.ts";

/** Ended allocations that are read from the store at once. */
const PAGE = 200;

/** An allocation that has to stay is not looked at again for so long, in milliseconds, unless somebody asks. */
const LOOK_AGAIN_MILLIS = 600_000;

/** What could not be removed is tried again after so long, in milliseconds. */
const TRY_AGAIN_MILLIS = 3_600_000;

/** Between two allocations that nobody waits for, in milliseconds: each costs two syncs of the disk. */
const PAUSE = 10;

/** Removes what has ended once it is in the way. */
export interface GarbageCollector {
  /** Removes all that may go now, whether or not it is in anybody's way. @param discard disks that are kept for a while go too. */
  collect(discard: boolean): Promise<GarbageOutcome>;
  /** Removes one allocation. @throws AppError `conflict` that says why it stays. */
  collectOne(allocation: Allocation, discard: boolean): Promise<GarbageOutcome>;
  /** Removes soon what was said not to be kept, if it has ended. */
  discardSoon(): void;
  close(): void;
}

interface Parts {
  /** Runs work when every change of jobs before it is done. */
  readonly oneByOne: <T>(work: () => Promise<T>) => Promise<T>;
  readonly remover?: Remover;
}

/** Goes on with what a former agent was removing, and looks every `gc_interval` from then on. */
export function startGarbageCollector(
  context: AgentContext,
  { oneByOne, remover = openRemover() }: Parts,
): GarbageCollector {
  const { clock, log, garbage } = context;
  noteCollecting(context);
  const sweeper = new Sweeper(context, oneByOne, remover);
  let last: Promise<unknown> = Promise.resolve();
  let cancel: () => void = () => undefined;
  const afterLast = (work: () => Promise<GarbageOutcome>): Promise<GarbageOutcome> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
  const sweep = (how: How): Promise<GarbageOutcome> => afterLast(() => sweeper.sweep(how));
  let trouble: string | null = null;
  let [looking, again] = [false, false];
  const look = async (): Promise<void> => {
    [looking, again] = [true, false];
    try {
      await sweep({ asked: false, discard: false });
      trouble = null;
    } catch (error) {
      // Every minute the same is nothing to read.
      const text = errorText(error);
      if (!sweeper.closed && text !== trouble) log.warn("what has ended cannot be removed", { error: text });
      trouble = text;
    }
    looking = false;
    if (!sweeper.closed) cancel = clock.after(again ? 0 : garbage.intervalMillis, () => void look());
  };
  void look();
  return {
    collect: (discard) => sweep({ asked: true, discard }),
    collectOne: (allocation, discard) => afterLast(() => sweeper.removeOne(allocation, discard)),
    discardSoon: () => {
      if (sweeper.closed || !context.store.hasDiscards()) return;
      again = true;
      if (looking) return;
      cancel();
      // After the change that told of it.
      cancel = clock.after(0, () => void look());
    },
    close: () => {
      sweeper.closed = true;
      cancel();
      remover.close();
    },
  };
}

/** One look after the other; what is known between them is only when to look again. */
class Sweeper {
  closed = false;
  #begun = false;
  readonly #context: AgentContext;
  readonly #oneByOne: Parts["oneByOne"];
  readonly #remover: Remover;
  readonly #bootId = readBootId();
  /** When an allocation is to be looked at or tried again. */
  readonly #later = new Map<string, number>();

  constructor(context: AgentContext, oneByOne: Parts["oneByOne"], remover: Remover) {
    this.#context = context;
    this.#oneByOne = oneByOne;
    this.#remover = remover;
  }

  async sweep({ asked, discard }: How): Promise<GarbageOutcome> {
    const { store, clock } = this.#context;
    const now = clock.now();
    for (const [id, until] of this.#later) if (asked || until <= now) this.#later.delete(id);
    const found: Found = { removed: [], kept: [], troubles: [] };
    try {
      for (const collection of store.openCollections()) await this.#removeFiles(collection, found);
      await this.#removeEnded({ asked, discard }, found);
    } finally {
      // A Worker costs some memory, and there may be nothing to do for days.
      this.#remover.close();
    }
    if (!this.closed) this.#dropVersions(found, asked);
    const jobs = this.closed ? 0 : await this.#oneByOne(async () => forgetJobs(this.#context, asked));
    const evaluations = this.closed ? 0 : await forgetEvaluations(this.#context, asked);
    this.#tidied(found);
    return { ...found, jobs, evaluations };
  }

  /** @throws AppError `conflict` that says why it stays. */
  async removeOne(allocation: Allocation, discard: boolean): Promise<GarbageOutcome> {
    const found: Found = { removed: [], kept: [], troubles: [] };
    const around = { bootId: this.#bootId, commandLines: await readCommandLinesInTurns(), discard };
    const candidate: Candidate = { asked: true, reason: "asked", around, found };
    const { id, jobId } = allocation;
    try {
      const ended = { id, jobId, endedAt: endedAt(allocation) ?? 0 };
      const begun = await this.#oneByOne(() => this.#begin(ended, candidate));
      if (begun.kind !== "goes") throw whyItStays(id, begun);
      await this.#removeFiles(begun.collection, found);
    } finally {
      this.#remover.close();
    }
    this.#dropVersions(found, false);
    this.#tidied(found);
    return { ...found, jobs: 0, evaluations: 0 };
  }

  #tidied({ removed }: Found): void {
    const { recorder, cacheKeeper } = this.#context;
    if (!this.closed) recorder.setAside();
    if (removed.length > 0) cacheKeeper.grown();
  }

  async #removeEnded({ asked, discard }: How, found: Found): Promise<void> {
    const { store, clock, garbage } = this.#context;
    const standings = new Map<string, JobStanding>();
    let pressure = await this.#pressure();
    let around: Surroundings | undefined;
    let after: EndedAllocation | undefined;
    for (;;) {
      // While nothing presses, only those may go whose jobs were purged.
      const some = !asked && pressure.excess === 0 && !pressure.blocks && !pressure.inodes;
      const page = some ? store.purgedAllocations(after, PAGE) : store.endedAllocations(after, PAGE);
      for (const ended of page) {
        if (this.closed) return;
        const discarded = store.isDiscarded(ended.id);
        if (this.#later.has(ended.id) && !discarded) continue;
        const { jobId, endedAt } = ended;
        const standing = standings.get(jobId) ?? jobStanding(this.#context, jobId, asked);
        standings.set(jobId, standing);
        const known = { standing, endedAt, discarded };
        const reason = asked ? "asked" : reasonToGo(known, pressure, clock.now(), garbage);
        if (reason === null) continue;
        around ??= { bootId: this.#bootId, commandLines: await readCommandLinesInTurns(), discard };
        if (!(await this.#tryRemove(ended, { asked, reason, around, found }))) continue;
        if (!asked) await setTimeout(PAUSE);
        pressure = await this.#pressure();
      }
      after = page.at(-1);
      if (page.length < PAGE) return;
      await setImmediate();
    }
  }

  /** @returns whether it went. */
  async #tryRemove(ended: EndedAllocation, { asked, reason, around, found }: Candidate): Promise<boolean> {
    const begun = await this.#oneByOne(() => this.#begin(ended, { asked, reason, around, found }));
    return begun.kind === "goes" && (await this.#removeFiles(begun.collection, found));
  }

  /** Nothing is placed meanwhile: a new allocation finds the disk of an old one, or learns that it is gone. */
  async #begin(ended: EndedAllocation, { asked, reason, around, found }: Candidate): Promise<Begun> {
    const { store, recorder, clock, log } = this.#context;
    const { id: allocationId, jobId, endedAt } = ended;
    // As it is now: the job may have been run again since.
    const standing = jobStanding(this.#context, jobId, asked);
    const examined = await examineEnded(this.#context, ended, standing, around);
    if (this.closed || examined.kind === "none") return { kind: "none" };
    if (examined.kind === "goes") {
      const collection = { allocationId, jobId, reason, endedAt, begunAt: clock.now(), doneAt: null, bytes: 0 };
      recorder.recordFreeing(() => store.beginCollection(collection));
      // It had to stay when it was looked at before; nothing was tried yet.
      this.#later.delete(allocationId);
      return { kind: "goes", collection };
    }
    if (examined.kind === "stays" && examined.stay.because === "newest") return examined;
    this.#later.set(allocationId, clock.now() + LOOK_AGAIN_MILLIS);
    if (examined.kind === "runs") {
      const trouble = `a process that belongs to no record runs for allocation ${allocationId}`;
      log.warn(`${trouble}, which is not removed`, { alloc: allocationId });
      found.troubles.push(trouble);
    } else if (examined.stay.because === "disk") {
      const { until } = examined.stay;
      found.kept.push(...examined.disks.map((disk) => ({ ...disk, allocationId, jobId, until })));
    }
    return examined;
  }

  #dropVersions({ removed }: Found, asked: boolean): void {
    const { store, recorder } = this.#context;
    const touched = new Set(removed.map(({ jobId }) => jobId));
    if (touched.size > 0) {
      recorder.recordFreeing(() => {
        for (const jobId of touched) store.dropVersions(jobId);
      });
    }
    // A former agent may have been killed before it came to that.
    if (asked || !this.#begun) store.dropOrphanedVersions();
    this.#begun = true;
  }

  /** @returns whether all of it is gone. */
  async #removeFiles(collection: Collection, found: Found): Promise<boolean> {
    const { clock, log } = this.#context;
    const { allocationId } = collection;
    if (this.closed || this.#later.has(allocationId)) return false;
    const removed = await removeAllocation(this.#context, collection, this.#remover);
    if (typeof removed !== "string") {
      found.removed.push(removed);
      return true;
    }
    this.#later.set(allocationId, clock.now() + TRY_AGAIN_MILLIS);
    log.warn("an ended allocation cannot be removed; it is tried again", { alloc: allocationId, error: removed });
    found.troubles.push(removed);
    return false;
  }

  async #pressure(): Promise<Pressure> {
    const { store, dirs, garbage } = this.#context;
    return pressureOf(store.countAllocations(), await diskUseAt(dirs), garbage);
  }
}

/** @property asked by somebody, and not because it is in the way. */
interface How {
  readonly asked: boolean;
  readonly discard: boolean;
}

interface Found {
  readonly removed: Collection[];
  readonly kept: KeptDisk[];
  readonly troubles: string[];
}

/** Why an allocation stays, or that it was said to go. */
type Begun = { readonly kind: "goes"; readonly collection: Collection } | Exclude<Examined, { readonly kind: "goes" }>;

interface Candidate {
  readonly asked: boolean;
  readonly reason: CollectReason;
  readonly around: Surroundings;
  readonly found: Found;
}

/** As `df` counts: what only root may use is not there for the agent. Before the first allocation there is no directory of them. */
async function diskUseAt(dirs: AgentDirs): Promise<DiskUse> {
  const found = await statfs(allocsDir(dirs)).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return statfs(dirs.dataDir);
    throw error;
  });
  const { blocks, bfree, bavail, files, ffree } = found;
  const used = blocks - bfree;
  return {
    blocks: used + bavail === 0 ? 0 : (100 * used) / (used + bavail),
    inodes: files === 0 ? 0 : (100 * (files - ffree)) / files,
  };
}
