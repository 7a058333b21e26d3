import { expect, test } from "bun:test";
import { retentionText } from "../../../../src/agent/disk/kept.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { Ending } from "../../../../src/allocation/ending.ts";
import type { GarbageLimits } from "../../../../src/config/agent-config.ts";
import { allocation, ended, taskRecord } from "../../../helpers/records.ts";

const limits = (diskRetentionMillis: number): GarbageLimits => ({ diskRetentionMillis }) as GarbageLimits;

/** Its two machines ended a minute apart. */
function over(): Allocation {
  const at = Date.UTC(2026, 0, 1);
  const endedAt = (millis: number) => taskRecord(ended({ at: millis, failed: false } as Ending));
  return allocation({ tasks: { first: endedAt(at), last: endedAt(at + 60_000) } });
}

test.each([
  ["from when its last machine ended", 3_600_000, over(), "until 2026-01-01T01:01:00Z"],
  ["from when its machine will have ended", 3_600_000, undefined, "for 1h"],
  ["in minutes", 90 * 60_000, undefined, "for 1h30m"],
  ["in seconds", 90_000, undefined, "for 1m30s"],
  ["for no time", 0, undefined, "until garbage is collected"],
  ["for no time though it has ended", 0, over(), "until garbage is collected"],
])("a disk whose place is nobody's is kept %s", (_, retention, allocation, expected) => {
  expect(retentionText(limits(retention), allocation)).toBe(expected);
});
