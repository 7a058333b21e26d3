import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { formatBytes } from "../base/units.ts";
import { type CacheLimits, collectCache, sweepCache } from "../cache/collect.ts";

/** Keeps the cache within its limits. */
export interface CacheKeeper {
  /** Bytes on the disk that the cache may have; 0 sets no limit. */
  readonly maxBytes: number;
  /** Something came into the cache: looks at it soon. */
  grown(): void;
  close(): void;
}

export interface CacheKeeping {
  /** The cache's directory. */
  readonly cache: string;
  readonly limits: CacheLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often what grew old is looked for, in milliseconds. */
const LOOK_MILLIS = 3_600_000;

/** Removes what a killed agent left, then looks at the cache now, once an hour, and whenever it has grown. */
export function startCacheKeeper({ cache, limits, clock, log }: CacheKeeping): CacheKeeper {
  let closed = false;
  let cancel: () => void = () => undefined;
  let looking: Promise<void> | undefined;
  let again = false;
  const collect = async (): Promise<void> => {
    try {
      const { entries, bytes } = await collectCache(cache, limits, clock.now());
      if (entries > 0)
        log.info("removed from the cache what is over its limits", { entries, size: formatBytes(bytes) });
    } catch (error) {
      log.warn("cannot keep the cache within its limits", { cache, error: errorText(error) });
    }
  };
  const look = (): void => {
    if (closed) return;
    if (looking !== undefined) {
      again = true;
      return;
    }
    cancel();
    looking = collect().then(() => {
      looking = undefined;
      if (closed) return;
      cancel = clock.after(LOOK_MILLIS, look);
      if (!again) return;
      again = false;
      look();
    });
  };
  try {
    sweepCache(cache);
  } catch (error) {
    log.warn("cannot remove what a former agent left in the cache", { cache, error: errorText(error) });
  }
  look();
  return {
    maxBytes: limits.maxBytes,
    grown: look,
    close: () => {
      closed = true;
      cancel();
    },
  };
}
