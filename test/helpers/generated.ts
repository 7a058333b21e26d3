import fc from "fast-check";

export interface GeneratedRun {
  /** `PADDOCK_FUZZ_SEED` of the run, or the usual one: another number draws other values. */
  readonly seed: number;
  readonly runs: number;
}

/**
 * Draws values and lets all of them be judged at once, for whoever judges is a program that takes long to start. Where some are wrong the
 * first is made as small as it goes while it stays wrong.
 * @param judge says of each value whether it is wrong.
 * @throws what fast-check says of the smallest value, with the seed and the path that play it again.
 */
export function judgeGenerated<T>(
  arbitrary: fc.Arbitrary<T>,
  { seed, runs }: GeneratedRun,
  judge: (values: readonly T[]) => readonly boolean[],
): void {
  const values = fc.sample(arbitrary, { seed, numRuns: runs });
  const wrong = judge(values);
  if (!wrong.includes(true)) return;
  const known = new Map(values.map((value, at) => [fc.stringify(value), wrong[at] ?? false]));
  const isWrong = (value: T): boolean => known.get(fc.stringify(value)) ?? judge([value])[0] ?? false;
  const details = fc.check(
    fc.property(arbitrary, (value) => !isWrong(value)),
    { seed, numRuns: runs },
  );
  const count = wrong.filter((one) => one).length;
  throw new Error(`${count} of ${runs} are wrong; ${fc.defaultReportMessage(details) ?? "and none when drawn again"}`);
}
