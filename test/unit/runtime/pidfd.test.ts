import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { awaitExit, type ExitNotice, openPidfd } from "../../../src/runtime/pidfd.ts";
import { spawn } from "../../../src/runtime/spawn.ts";
import { until } from "../../helpers/until.ts";

const sleeper = () => spawn({ argv: ["/bin/sleep", "600"], env: {}, stdio: ["ignore", "ignore", "ignore"] });
const descriptors = (): number => readdirSync("/proc/self/fd").length;

test("the end of each of many processes is told once, and of no other", async () => {
  const before = descriptors();
  const children = await Promise.all(Array.from({ length: 40 }, sleeper));
  const told: number[] = [];
  for (const { pid } of children) {
    await awaitExit((await openPidfd(pid)) ?? -1, () => told.push(pid));
  }
  const [first, ...others] = children;
  process.kill(first?.pid ?? 0, "SIGKILL");
  await until("the first end told", () => told.length > 0);
  expect(told).toEqual([first?.pid ?? 0]);
  for (const { pid } of others) process.kill(pid, "SIGKILL");
  await until("every end told", () => told.length === children.length);
  expect(new Set(told)).toEqual(new Set(children.map(({ pid }) => pid)));
  await Promise.all(children.map(({ exited }) => exited));
  await until("every descriptor closed", () => descriptors() === before);
});

test("one that is waited for no longer is not told, and its descriptor is closed", async () => {
  const child = await sleeper();
  const before = descriptors();
  let told = false;
  const notice = await awaitExit((await openPidfd(child.pid)) ?? -1, () => {
    told = true;
  });
  (notice as ExitNotice).cancel();
  await until("the descriptor closed", () => descriptors() === before);
  process.kill(child.pid, "SIGKILL");
  await child.exited;
  expect(told).toBe(false);
});

test("one that has ended already is told too", async () => {
  const child = await sleeper();
  const fd = await openPidfd(child.pid);
  process.kill(child.pid, "SIGKILL");
  await child.exited;
  let told = false;
  await awaitExit(fd ?? -1, () => {
    told = true;
  });
  await until("the end told", () => told);
});
