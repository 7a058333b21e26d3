import { test } from "bun:test";
import { startCacheKeeper } from "../../../src/agent/cache-keeper.ts";
import { silentLog } from "../../../src/base/log.ts";
import { listEntries } from "../../../src/cache/entry.ts";
import { putEntry } from "../../helpers/cache.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";

test("what comes into the cache while it is looked at is looked at, too, without an hour in between", async () => {
  await using dir = tempDir();
  const cache = dir.file("cache");
  putEntry(cache, Buffer.from("first"));
  const limits = { maxBytes: 1, maxAgeMillis: 0 };
  const keeper = startCacheKeeper({ cache, limits, clock: manualClock(), log: silentLog });
  const listed = () => listEntries(cache).length;
  await until("the first look", () => listed() === 0);
  putEntry(cache, Buffer.from("second"));
  keeper.grown();
  putEntry(cache, Buffer.from("third"));
  keeper.grown();
  await until("all to be gone", () => listed() === 0);
  keeper.close();
});
