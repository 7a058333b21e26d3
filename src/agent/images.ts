import { isTerminal } from "../allocation/allocation.ts";
import { archiveSuffix } from "../archive/formats.ts";
import { createMeter, type Progress, type ProgressMeter } from "../artifact/download/progress.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { type CachePlace, type CatalogEntry, findInCatalog, listCatalog } from "../cache/catalog.ts";
import { type EntryKey, formatKey, parseKey } from "../cache/key.ts";
import { choosePruned, type PruneReason, type PruneRule } from "../cache/prune.ts";
import { type Damaged, listDamaged, listSetAside, removeDamaged, removeEntry } from "../cache/remove.ts";
import { type Verdict, type VerifyOptions, verifyEntry } from "../cache/verify.ts";
import { describeImage, type ImageDescription } from "../image/describe.ts";
import { allocsDir, cacheDir } from "../paths.ts";
import type { AgentContext } from "./context.ts";
import { type Pull, type PulledArtifact, planPull } from "./pull.ts";

/** An allocation that has another name of an entry's file. */
export interface ImageUser {
  readonly allocationId: string;
  /** Null when no record is left of it. */
  readonly jobId: string | null;
  /** Nothing of it runs any more: only its directory holds the file. */
  readonly over: boolean;
}

/** An entry of the cache, and who uses it. */
export interface CachedImage extends Omit<CatalogEntry, "usedBy"> {
  readonly users: readonly ImageUser[];
}

export interface CachedImages {
  readonly images: readonly CachedImage[];
  /** What was found damaged. */
  readonly setAside: readonly Damaged[];
}

export interface PruneOutcome {
  readonly removed: readonly { readonly image: CachedImage; readonly reason: PruneReason }[];
  readonly setAside: readonly Damaged[];
}

export interface WatchOptions {
  /** Gives it up, with its reason. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** What there is of images in the cache. Entries are called by the whole text of their key; AppError `not_found` when there is none. */
export interface Images {
  /** Sorted by key. */
  list(): Promise<CachedImages>;
  find(key: string): Promise<CachedImage>;
  /** What the file of a sound entry is; null for an archive of several files. @throws AppError `image` when it cannot be read. */
  describe(image: CachedImage): ImageDescription | null;
  /** @throws AppError `conflict` that names the allocations which use it. */
  remove(key: string): Promise<CachedImage>;
  /** @param dryRun only says what would go. */
  prune(rule: PruneRule, dryRun: boolean): Promise<PruneOutcome>;
  /**
   * Fetches an artifact into the cache, unless it is there. What came stays for a later try when the signal aborts.
   * @param artifact as a job has it; its destination does not matter.
   * @throws AppError `invalid` and `unsupported` before anything else is done, then `fetch`.
   */
  pull(artifact: PulledArtifact): Pull;
  /** Reads every byte again; what is damaged is set aside. @returns "absent" for what goes meanwhile. @throws the signal's reason. */
  verify(key: string, options: WatchOptions): Promise<Verdict>;
}

type ImageContext = Pick<
  AgentContext,
  "dirs" | "site" | "sources" | "users" | "cacheKeeper" | "artifactTurns" | "clock" | "log"
> & {
  readonly store: Pick<AgentContext["store"], "allocation">;
};

/** The use cases of the cache. All throw AppError `image` when it cannot be read or changed. */
export function imageUseCases(context: ImageContext): Images {
  const { list, find, remove, prune, verify, ...others } = useCases(context);
  const { dirs } = context;
  return {
    ...others,
    list: () => onCache(dirs, list),
    find: (key) => onCache(dirs, () => find(key)),
    remove: (key) => onCache(dirs, () => remove(key)),
    prune: (rule, dryRun) => onCache(dirs, () => prune(rule, dryRun)),
    verify: (key, options) => onCache(dirs, () => verify(key, options)),
  };
}

async function onCache<T>(dirs: ImageContext["dirs"], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (error instanceof AppError || code === undefined) throw error;
    throw new AppError("image", `the cache in ${cacheDir(dirs)} cannot be read or changed: ${code}`, {
      hint: "the agent must be able to read and write there; paddock doctor looks at its directories",
      cause: error,
    });
  }
}

function useCases(context: ImageContext): Images {
  const place: CachePlace = { cache: cacheDir(context.dirs), allocs: allocsDir(context.dirs) };
  const { log, clock } = context;
  const withUsers = (entry: CatalogEntry): CachedImage => addUsers(context, entry);
  const find = async (text: string): Promise<CachedImage> => {
    const key = readKey(text);
    const entry = await findInCatalog(place, key);
    if (entry === undefined) throw absent(key);
    return withUsers(entry);
  };
  return {
    list: async () => ({ images: (await listCatalog(place)).map(withUsers), setAside: listDamaged(place.cache) }),
    find,
    describe: describeEntry,
    remove: async (text) => {
      const image = await find(text);
      const removal = await removeEntry(place.cache, image.key);
      if (removal === "absent") throw absent(image.key);
      if (removal === "in use") throw inUse(await find(text));
      log.info("removed from the cache", { image: formatKey(image.key) });
      return image;
    },
    prune: async (rule, dryRun) => {
      const now = clock.now();
      const all = { entries: await listCatalog(place), setAside: listSetAside(place.cache) };
      const { entries, setAside } = choosePruned(all, rule, now);
      const removed: PruneOutcome["removed"][number][] = [];
      for (const { entry, reason } of entries) {
        // One that somebody uses since it was looked at stays.
        if (!dryRun && (await removeEntry(place.cache, entry.key)) !== "removed") continue;
        removed.push({ image: withUsers(entry), reason });
      }
      if (!dryRun) for (const damaged of setAside) await removeDamaged(damaged);
      if (!dryRun) log.info("pruned the cache", { removed: removed.length, set_aside: setAside.length });
      return { removed, setAside };
    },
    pull: (artifact) => planPull(context, artifact),
    verify: async (text, { signal, onProgress }) => {
      const key = readKey(text);
      const verdict = await verifyEntry(place.cache, key, { signal, onProgress: meterOf(onProgress) });
      if (verdict.kind === "damaged") {
        log.warn("an entry of the cache is damaged and set aside", {
          image: formatKey(key),
          why: verdict.why,
          path: verdict.setAside,
        });
      }
      return verdict;
    },
  };
}

/** Adds the rate to how far something is. */
function meterOf(onProgress: WatchOptions["onProgress"]): VerifyOptions["onProgress"] {
  let meter: ProgressMeter | undefined;
  let before = 0;
  return (bytes, total) => {
    meter ??= createMeter(total, onProgress);
    meter.add(bytes - before);
    before = bytes;
  };
}

function readKey(text: string): EntryKey {
  const key = parseKey(text);
  if (key !== undefined) return key;
  throw new AppError("invalid", "expected the checksum of an image, as sha256: and 64 hex digits", {
    hint: "/v1/images lists them",
  });
}

function addUsers({ store }: Pick<ImageContext, "store">, { usedBy, ...entry }: CatalogEntry): CachedImage {
  const users = usedBy.map((allocationId): ImageUser => {
    const allocation = store.allocation(allocationId);
    return { allocationId, jobId: allocation?.jobId ?? null, over: allocation === undefined || isTerminal(allocation) };
  });
  return { ...entry, users };
}

function describeEntry({ found }: CachedImage): ImageDescription | null {
  if (found.kind === "damaged") return null;
  const { files, record, unpacked } = found.entry;
  if (unpacked !== null) return describeImage(files.unpacked);
  return archiveSuffix(fileNameOf(record.source)) === undefined ? describeImage(files.content) : null;
}

/** The name that a source ends with; "" when it has none. */
function fileNameOf(source: string): string {
  return URL.parse(source)?.pathname.split("/").at(-1) ?? "";
}

function absent(key: EntryKey): AppError {
  return new AppError("not_found", `${formatKey(key)} is not in the cache`, { hint: "paddock image ls lists what is" });
}

function inUse({ key, found, users }: CachedImage): AppError {
  const names = users.map(({ allocationId, jobId, over }) => {
    const job = jobId === null ? "" : ` of job "${jobId}"`;
    return `  allocation ${shortId(allocationId)}${job}${over ? ", which has ended" : ""}`;
  });
  const pins = found.kind === "there" ? found.entry.pins : 0;
  const elsewhere = `  ${pins} other ${pins === 1 ? "name" : "names"} of its files, in no allocation`;
  return new AppError(
    "conflict",
    [`${formatKey(key)} is in use by`, ...(names.length > 0 ? names : [elsewhere])].join("\n"),
    {
      hint: "an allocation holds it as long as its directory is there; to remove it here would free nothing",
    },
  );
}
