import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { silentLog } from "../../../src/base/log.ts";
import { createReserve } from "../../../src/state/reserve.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const temp = tempPerTest();

const MIB = 1 << 20;

/** The size of the file that is set aside, in bytes, in so much room; 0 for none. */
function reserved(path: string, free: number, reserve = 64 * MIB): number {
  createReserve(path, silentLog, () => ({ free, reserve })).make();
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

test("a MiB is set aside where there is twice as much room, so that it never takes the last", () => {
  const path = temp.file("reserve");
  expect(reserved(path, 2 * MIB - 1)).toBe(0);
  expect(reserved(path, 2 * MIB)).toBe(MIB);
});

test("on a file system so small that this is much of it, it is less", () => {
  const path = temp.file("reserve");
  expect(reserved(path, 199_999, 100_000)).toBe(0);
  expect(reserved(path, 200_000, 100_000)).toBe(100_000);
});

test("what was given free is set aside again only where there is room for all of it", () => {
  const path = temp.file("reserve");
  const room = { free: 2 * MIB, reserve: 64 * MIB };
  const reserve = createReserve(path, silentLog, () => room);
  reserve.make();
  expect(reserve.release()).toBe(true);
  expect(statSync(path).size).toBe((MIB * 3) / 4);
  room.free = 2 * MIB - 1;
  reserve.make();
  expect(statSync(path).size).toBe((MIB * 3) / 4);
  for (const left of [2, 1]) {
    expect(reserve.release()).toBe(true);
    expect(statSync(path).size).toBe((MIB * left) / 4);
  }
  expect([reserve.release(), reserve.release()]).toEqual([true, false]);
  room.free = 2 * MIB;
  reserve.make();
  expect(statSync(path).size).toBe(MIB);
});
