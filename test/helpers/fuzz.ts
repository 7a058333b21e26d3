import { createHash } from "node:crypto";
import { randomBelow } from "./random.ts";

/** A whole number from 0 up to, not including, `limit`. */
export type Random = (limit: number) => number;

/** What the numbers of all runs come from: `PADDOCK_FUZZ_SEED`, or the same one each time, so that a commit is tested alike everywhere. */
export const FUZZ_SEED = process.env["PADDOCK_FUZZ_SEED"] ?? "paddock";

/** How often a fuzz test runs: `PADDOCK_FUZZ_RUNS`, or what it says itself. */
export const fuzzRuns = (usual: number): number => Number(process.env["PADDOCK_FUZZ_RUNS"] ?? usual);

/** Whether only one run is played again, by its number in `PADDOCK_FUZZ_ONLY`: how often things happen says nothing then. */
export const isOneRun = process.env["PADDOCK_FUZZ_ONLY"] !== undefined;

/** One of them. */
export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

/**
 * Does one thing with the numbers of many seeds, each its own, so that one run plays again without those before it.
 * @param subject tells the tests of one seed apart.
 * @throws what the run threw, with how to play it again.
 */
export async function fuzz(
  subject: string,
  runs: number,
  one: (random: Random, run: number) => Promise<void> | void,
): Promise<void> {
  const only = process.env["PADDOCK_FUZZ_ONLY"];
  for (let run = only === undefined ? 0 : Number(only); run < runs; run++) {
    try {
      await one(randomBelow(seedOf(`${FUZZ_SEED} ${subject} ${run}`)), run);
    } catch (error) {
      const again = `PADDOCK_FUZZ_SEED=${FUZZ_SEED} PADDOCK_FUZZ_ONLY=${run}`;
      throw new Error(`run ${run} of ${subject} (${again} plays it again): ${String(error)}`, { cause: error });
    }
    if (only !== undefined) return;
  }
}

const seedOf = (text: string): number => createHash("sha256").update(text).digest().readUInt32LE();
