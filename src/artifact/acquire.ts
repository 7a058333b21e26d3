import { monotonicMillis } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { formatChecksum } from "../cache/checksum.ts";
import { lookUp } from "../cache/entry.ts";
import { filesOf, keyOf } from "../cache/key.ts";
import { pinUnlessGone, unpin } from "../cache/publish.ts";
import { compressionOf, planForCache } from "./bring.ts";
import { type ProvedFile, refuseOddDestination } from "./destination.ts";
import { removeJournal } from "./download/journal.ts";
import { removePart } from "./download/part.ts";
import { requestOf } from "./download/request.ts";
import { artifactError, diskError, onDisk } from "./failure.ts";
import { bringOnce, type Hold } from "./flight.ts";
import { openFolder } from "./folder.ts";
import type { Outcome, Task } from "./messages.ts";
import { cachedFile, inFolder, placeByLink, planForFile } from "./place.ts";
import type { ArtifactPlan } from "./plan.ts";
import { runWorker, type StartWorker, startArtifactWorker, type WorkOptions } from "./run-worker.ts";
import type { Brought, Fetched, Placing } from "./unpack/fetched.ts";
import { discardFormer } from "./unpack/staging.ts";

export interface AcquireOptions extends WorkOptions {
  /** The cache's directory; made where it is missing. */
  readonly cache: string;
  readonly placing: Placing;
  /** Takes what is in the cache, and asks nobody for anything; false unless told. */
  readonly offline?: boolean;
}

/** Destinations that are being written by this process. */
const busy = new Set<string>();

/**
 * Brings one artifact to its destination by way of the cache, from which it comes without a byte fetched where it is there already.
 * @throws AppError `fetch` when it fails or is cancelled, `conflict` when two artifacts have the same destination at once. No new
 * destination is left then; in the cache what is whole, and a part file only where a later try can go on with it.
 */
export async function acquire(
  plan: ArtifactPlan,
  options: AcquireOptions,
  start: StartWorker = startArtifactWorker,
): Promise<Fetched> {
  const { path } = plan.unpack?.fileName === null ? plan.target : planForFile(plan).target;
  if (busy.has(path)) {
    throw new AppError("conflict", `artifact ${plan.source}: another artifact is being written to ${path}`);
  }
  if (options.signal.aborted) throw artifactError(plan.source, "cancelled");
  busy.add(path);
  try {
    options.log.info("fetching artifact", { source: plan.source, path });
    const fetched = await obtain({ plan, options, start });
    const { bytes, checksum, skipped, cached, resumed, millis, unpacked, linked } = fetched;
    options.log.info("artifact is there", {
      path: fetched.path,
      ...(unpacked === null ? {} : { files: unpacked.files }),
      size: formatBytes(bytes),
      ...{ checksum, skipped, cached, linked: linked !== null && linked.path !== fetched.path, resumed },
      millis: Math.round(millis),
    });
    return fetched;
  } finally {
    busy.delete(path);
  }
}

/**
 * Brings one artifact into the cache and no further, unpacked when it is one compressed file. Its destination is not looked at.
 * @throws AppError `fetch` when it fails or is cancelled.
 */
export async function acquireForCache(
  plan: ArtifactPlan,
  options: WorkOptions & Pick<AcquireOptions, "cache" | "offline">,
  start: StartWorker = startArtifactWorker,
): Promise<Brought> {
  const { cache } = options;
  const hold = takeCached(plan, cache) ?? (await bringOnce(plan, cache, options, bringBy({ plan, options, start })));
  hold.release();
  return hold.brought;
}

interface Job {
  readonly plan: ArtifactPlan;
  readonly options: AcquireOptions;
  readonly start: StartWorker;
}

async function obtain(job: Job): Promise<Fetched> {
  const { plan, options } = job;
  const started = monotonicMillis();
  const since = (): number => monotonicMillis() - started;
  const isThere = await settleDestination(plan);
  // A file of its own may be what is there already; another name of the cache's has to be made in any case.
  if (isThere && options.placing === "own" && plan.unpack === null && plan.checksum !== null) {
    const proved = await prove(job);
    const { path } = plan.target;
    const nothing = { skipped: true, cached: false, resumed: 0, unpacked: null, linked: null };
    if (proved !== null) return { path, ...proved, ...nothing, millis: since() };
  }
  for (let again = false; ; again = true) {
    const hold = takeCached(plan, options.cache) ?? (await bringOnce(plan, options.cache, options, bringBy(job)));
    let damaged = false;
    try {
      const placed = await place(job, hold.brought, () => {
        damaged = true;
      });
      const { bytes, checksum, cached, resumed } = hold.brought;
      const path = plan.unpack?.path ?? plan.target.path;
      return { path, bytes, checksum, skipped: false, cached, resumed, ...placed, millis: since() };
    } catch (error) {
      // Somebody may have read the entry again meanwhile, and set it aside.
      const went = damaged || lookUp(options.cache, hold.brought.key).kind !== "there";
      if (!went || again || options.signal.aborted) throw error;
    } finally {
      hold.release();
    }
  }
}

/** @returns whether a file is there. @throws AppError when nothing may be put there. */
async function settleDestination(plan: ArtifactPlan): Promise<boolean> {
  return await inFolder(plan, async (folder) => {
    await discardFormer(plan, folder).catch((error: unknown) => {
      throw diskError(plan.source, plan.target.path, "make", error);
    });
    const file = planForFile(plan);
    return file.unpack === null && refuseOddDestination(file, folder);
  });
}

/** What needs neither a source nor a Worker. */
function takeCached(plan: ArtifactPlan, cache: string): Hold | undefined {
  if (plan.checksum === null) return undefined;
  const found = lookUp(cache, keyOf(plan.checksum, requestOf(plan)));
  if (found.kind !== "there") return undefined;
  const { key, files, record } = found.entry;
  const compression = compressionOf(plan);
  if (compression !== null && record.unpacked?.format !== compression) return undefined;
  const pin = onDisk(plan.source, files.dir, "use", () => pinUnlessGone(cache, files));
  if (pin === undefined) return undefined;
  const checksum = formatChecksum(key);
  const brought = { key, bytes: record.bytes, checksum, cached: true, resumed: 0, millis: 0, unpacked: null, pin };
  return { brought, release: () => unpin(pin) };
}

function bringBy({
  plan,
  options: { cache, offline = false },
  start,
}: Omit<Job, "options"> & { readonly options: Pick<AcquireOptions, "cache" | "offline"> }): (
  options: WorkOptions,
) => Promise<Brought> {
  return async (options) => {
    const task: Task = { kind: "bring", plan, cache, offline };
    const outcome = await runWorker(task, options, async () => discardBrought(plan, cache), start);
    if (outcome.kind !== "brought") throw strange(outcome);
    return outcome.brought;
  };
}

async function prove({ plan, options, start }: Job): Promise<ProvedFile | null> {
  const outcome = await runWorker({ kind: "prove", plan }, options, async () => undefined, start);
  if (outcome.kind !== "proved") throw strange(outcome);
  return outcome.proved;
}

async function place(
  { plan, options, start }: Job,
  { key, checksum, cached, unpacked }: Brought,
  onDamaged: () => void,
): Promise<Pick<Fetched, "unpacked" | "linked">> {
  const { cache, placing, signal, offline = false } = options;
  const path = cachedFile(plan, filesOf(cache, key));
  if (signal.aborted) throw artifactError(plan.source, "cancelled");
  if (placing === "link" && path !== undefined && (await placeByLink(planForFile(plan), path))) {
    return { unpacked, linked: { path, checksum } };
  }
  const tell = (message: string): void => {
    onDamaged();
    options.onDamaged?.(message);
  };
  const discard = (): Promise<void> => inFolder(plan, (folder) => discardFormer(plan, folder));
  const task: Task = { kind: "place", plan, cache, key, cached, offline };
  const outcome = await runWorker(task, { ...options, onDamaged: tell }, discard, start);
  if (outcome.kind !== "placed") throw strange(outcome);
  // Where the cache's file cannot have another name a copy of it stands for it, which is the agent's, too.
  const copy = placing === "link" && path !== undefined ? { path: planForFile(plan).target.path, checksum } : null;
  return { unpacked: outcome.unpacked ?? unpacked, linked: copy };
}

/** What a Worker leaves in the cache that ended in the middle of a download. */
function discardBrought(plan: ArtifactPlan, cache: string): void {
  const inCache = planForCache(plan, cache);
  removeJournal(inCache);
  const folder = openFolder(inCache.target.root, inCache.target.folders);
  try {
    removePart(folder, inCache.target.fileName);
  } finally {
    folder.close();
  }
}

function strange({ kind }: Outcome): AppError {
  return new AppError("internal", `an artifact's worker answered something else: ${kind}`);
}
