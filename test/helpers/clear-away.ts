import { existsSync } from "node:fs";
import { kill, processesAt } from "./processes.ts";
import type { TempDir } from "./temp.ts";
import { until } from "./until.ts";

/**
 * Ends what a test has begun, however far it came: closes its agent, kills every process that runs below the test's directory, and removes
 * the directory. What an agent has recorded is not asked: a test that failed may have closed it before, or while a machine was starting.
 * @param agent undefined when the test failed before there was one.
 */
export async function clearAway(dir: TempDir, agent: { close(): void } | undefined): Promise<void> {
  try {
    agent?.close();
  } finally {
    await until(`nothing to be left of ${dir.path}`, () => cleared(dir), { deadline: 20_000 });
  }
}

/** True at the second look at the soonest: what was just being started at the first is there by then. */
async function cleared(dir: TempDir): Promise<boolean> {
  const left = processesAt(dir.path);
  for (const { pid } of left) kill(pid);
  if (left.length > 0) throw new Error(left.map(({ pid, command }) => `${pid}: ${command}`).join("\n"));
  if (!existsSync(dir.path)) return true;
  await dir[Symbol.asyncDispose]();
  return false;
}
