import { describe, expect, test } from "bun:test";
import {
  type Ended,
  type KnownJob,
  type Pressure,
  pressureOf,
  reasonToGo,
  reasonToStay,
  standingOf,
} from "../../../../src/agent/garbage/collectable.ts";
import type { GarbageLimits } from "../../../../src/config/agent-config.ts";

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const LIMITS: GarbageLimits = {
  intervalMillis: 60_000,
  maxAllocs: 50,
  diskUsage: 80,
  inodeUsage: 70,
  diskRetentionMillis: 168 * HOUR,
  jobThresholdMillis: 4 * HOUR,
  evalThresholdMillis: HOUR,
};
const NONE: Pressure = { excess: 0, blocks: false, inodes: false };

describe("what presses", () => {
  const calm = { blocks: 80, inodes: 70 };
  test("is nothing at the very limits", () => {
    expect(pressureOf(50, calm, LIMITS)).toEqual(NONE);
  });
  test("is every allocation beyond gc_max_allocs, and a file system above its thresholds", () => {
    expect(pressureOf(53, calm, LIMITS)).toEqual({ ...NONE, excess: 3 });
    expect(pressureOf(0, { blocks: 80.1, inodes: 70 }, LIMITS)).toEqual({ ...NONE, blocks: true });
    expect(pressureOf(0, { blocks: 80, inodes: 70.1 }, LIMITS)).toEqual({ ...NONE, inodes: true });
  });
});

describe("a job", () => {
  const service: KnownJob = { type: "service", stop: false, waits: false, lives: false, lastChange: NOW - 4 * HOUR };
  const standing = (job: KnownJob | undefined, asked = false) => standingOf(job, NOW, LIMITS, asked);

  test("that nobody knows any more is gone", () => {
    expect(standing(undefined)).toBe("gone");
  });
  test("that failed for good is current until somebody stops it, and over job_gc_threshold later", () => {
    expect(standing(service, true)).toBe("current");
    expect(standing({ ...service, stop: true })).toBe("over");
    expect(standing({ ...service, stop: true, lastChange: NOW - 4 * HOUR + 1 })).toBe("current");
  });
  test("of type batch is over by itself", () => {
    expect(standing({ ...service, type: "batch" })).toBe("over");
  });
  test("that lives or waits for room is current, whoever asks", () => {
    for (const alive of [{ lives: true }, { waits: true }]) {
      expect(standing({ ...service, type: "batch", stop: true, ...alive }, true)).toBe("current");
    }
  });
  test("that is dead is not waited for when somebody asks", () => {
    expect(standing({ ...service, stop: true, lastChange: NOW }, true)).toBe("over");
  });
});

describe("an ended allocation goes", () => {
  const reason = (
    standing: "current" | "over" | "gone",
    endedAt: number,
    pressure: Partial<Pressure> = {},
    discarded = false,
  ) => reasonToGo({ standing, endedAt, discarded }, { ...NONE, ...pressure }, NOW, LIMITS);

  test("for no reason when nothing presses, however old it is", () => {
    expect(reason("over", 0)).toBeNull();
    expect(reason("current", 0)).toBeNull();
  });
  test("eval_gc_threshold after its end when its job was purged", () => {
    expect(reason("gone", NOW - HOUR + 1)).toBeNull();
    expect(reason("gone", NOW - HOUR)).toBe("purged");
    expect(reason("gone", NOW, {}, true)).toBe("purged");
    expect(reason("current", NOW, {}, true)).toBeNull();
  });
  test("for whatever presses, and says which", () => {
    expect(reason("current", NOW, { excess: 1, blocks: true })).toBe("gc_max_allocs");
    expect(reason("current", NOW, { blocks: true, inodes: true })).toBe("gc_disk_usage_threshold");
    expect(reason("current", NOW, { inodes: true })).toBe("gc_inode_usage_threshold");
  });
});

describe("an ended allocation stays", () => {
  const plain: Ended = { standing: "current", endedAt: NOW, newest: false, awaited: false, hasDisk: false };
  const stay = (more: Partial<Ended>, limits: Partial<GarbageLimits> = {}) =>
    reasonToStay({ ...plain, ...more }, NOW, { ...LIMITS, ...limits });

  test("for no reason when a later one is there and it has nothing", () => {
    expect(stay({})).toBeNull();
  });
  test("as the newest of a job that is current, and not of one that is over or gone", () => {
    expect(stay({ newest: true, endedAt: 0 })).toEqual({ because: "newest" });
    expect(stay({ newest: true, standing: "over" })).toBeNull();
    expect(stay({ newest: true, standing: "gone" })).toBeNull();
  });
  test("while its disk is awaited, however long", () => {
    expect(stay({ awaited: true, endedAt: 0 })).toEqual({ because: "awaited" });
  });
  test("for gc_disk_retention with a disk that a guest wrote to, also when its job is gone", () => {
    const until = NOW - HOUR + LIMITS.diskRetentionMillis;
    expect(stay({ hasDisk: true, standing: "gone", endedAt: NOW - HOUR })).toEqual({ because: "disk", until });
    expect(stay({ hasDisk: true, endedAt: NOW - 168 * HOUR + 1 })).toMatchObject({ because: "disk" });
    expect(stay({ hasDisk: true, endedAt: NOW - 168 * HOUR })).toBeNull();
    expect(stay({ hasDisk: true }, { diskRetentionMillis: 0 })).toBeNull();
  });
});
