import { describe, expect, test } from "bun:test";
import { copyFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { changeOf, type DiskOrigin, originOf, remedyOf } from "../../../src/image/disk-record.ts";
import { tempForAll } from "../../helpers/temp-per-test.ts";

const dir = tempForAll();

/** An image that was last written to at a moment, in seconds, and what is recorded of it. */
function image(name: string, seconds: number): { readonly path: string; readonly origin: DiskOrigin } {
  const path = dir.file(name);
  writeFileSync(path, "image");
  utimesSync(path, seconds, seconds);
  return { path, origin: originOf(statSync(path), path, null) };
}

/** Puts another file with the same bytes in its place, as a backup does. */
function restore(path: string, seconds: number): void {
  copyFileSync(path, `${path}.back`);
  utimesSync(`${path}.back`, seconds, seconds);
  renameSync(`${path}.back`, path);
}

describe("an image that is back from a backup", () => {
  test("is the same by its size and a time that nobody else has", () => {
    const { path, origin } = image("exact", 1_700_000_000.25);
    restore(path, 1_700_000_000.25);
    expect(statSync(path).ino).not.toBe(origin.ino);
    expect(changeOf(statSync(path), origin)).toBeUndefined();
    truncateSync(path, 7);
    utimesSync(path, 1_700_000_000.25, 1_700_000_000.25);
    expect(changeOf(statSync(path), origin)).toBe("another file has its name");
  });

  test("is another one where the time is whole seconds, as builders of images set them", () => {
    const { path, origin } = image("whole", 1_700_000_000);
    expect(changeOf(statSync(path), origin)).toBeUndefined();
    restore(path, 1_700_000_000);
    expect(changeOf(statSync(path), origin)).toBe("another file has its name");
    const { ino } = statSync(path);
    const remedy = remedyOf(statSync(path), origin, "/a/disk.json");
    expect(remedy).toContain(`say so: "ino":${ino} for "ino":${origin.ino} in /a/disk.json; else put the image back`);
    expect(changeOf(statSync(path), { ...origin, ino })).toBeUndefined();
  });

  test("with another time is told how to be said to be the same", () => {
    const { path, origin } = image("late", 1_700_000_000.25);
    restore(path, 1_800_000_000);
    expect(changeOf(statSync(path), origin)).toBe("another file has its name");
    const remedy = remedyOf(statSync(path), origin, "/a/disk.json");
    const command = /touch -m -d @[\d.]+ \S+(?=;)/.exec(remedy)?.[0] ?? "false";
    expect(Bun.spawnSync(["sh", "-c", command]).exitCode).toBe(0);
    expect(changeOf(statSync(path), origin)).toBeUndefined();
  });

  test("with other bytes is told nothing of the kind", () => {
    const { path, origin } = image("other", 1_700_000_000.25);
    truncateSync(path, 9);
    expect(remedyOf(statSync(path), origin, "/a/disk.json")).not.toContain("touch");
  });
});
