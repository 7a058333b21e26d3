/** What a figure may be at most: so many times the plain tool's, or so much by itself. */
export type Budget = { readonly ratio: number } | { readonly most: number };

export type Unit = "ms" | "s" | "MB" | "KB" | "%";

/** One line of the table. */
export interface Figure {
  readonly what: string;
  readonly unit: Unit;
  /** The same work done without paddock, in the same run. */
  readonly plain?: number;
  readonly paddock: number;
  /** Left out for a figure that only explains another. */
  readonly budget?: Budget;
  /** How it was measured, where that is not plain from the line. */
  readonly note?: string;
}

/** One concern that is measured: `bun test/bench/run.ts NAME`. */
export interface Bench {
  readonly name: string;
  /** @throws when it could not be measured; a missed budget is a figure like any other. */
  run(): Promise<readonly Figure[]>;
}

/** @throws for no values. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The nearest-rank percentile. @param percent 0 to 100. @throws for no values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (found === undefined) throw new Error("nothing was measured");
  return found;
}

/**
 * Runs each way of doing the work once a round, so that what else the host does meets all of them alike. A first round warms caches
 * and is not counted.
 * @returns what each way gave, in order.
 */
export async function alternate<K extends string, T>(
  rounds: number,
  ways: Readonly<Record<K, (round: number) => Promise<T>>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(ways) as K[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, T[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const result = await ways[name](round);
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}
