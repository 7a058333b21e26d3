import fc from "fast-check";

/** `REFERENCE_SEED`, or the usual one: another number draws other values for what is compared with other programs. */
export const REFERENCE_SEED = Number(process.env["REFERENCE_SEED"] ?? 1);

export interface GeneratedRun {
  readonly seed: number;
  readonly runs: number;
}

/** Values that are tried to make one smaller: each is a start of a program. */
const MOST_TRIES = 1_000;

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
  let left = MOST_TRIES;
  let failure: unknown;
  const isWrong = (value: T): boolean => {
    const drawn = known.get(fc.stringify(value));
    if (drawn !== undefined) return drawn;
    try {
      return left-- > 0 && judge([value])[0] === true;
    } catch (error) {
      // A judge that fails says nothing of the value.
      failure ??= error;
      return false;
    }
  };
  const details = fc.check(
    fc.property(arbitrary, (value) => !isWrong(value)),
    { seed, numRuns: runs },
  );
  if (failure !== undefined) throw failure;
  const count = wrong.filter((one) => one).length;
  throw new Error(`${count} of ${runs} are wrong; ${fc.defaultReportMessage(details) ?? "and none when drawn again"}`);
}

const CHOICES = 2 ** 32;

/**
 * Whatever a maker makes by a source of numbers from 0 to below 1. The numbers are what is drawn and made smaller: of a wrong value fewer
 * and smaller ones are tried, and behind the last one there are only zeros, by which a maker must make what is simplest.
 * @param most numbers; as many as the makers of large values ask for.
 */
export function chosen<T>(most: number, make: (random: () => number) => T): fc.Arbitrary<T> {
  return fc.array(fc.nat(CHOICES - 1), { maxLength: most, size: "max" }).map((numbers) => {
    let at = 0;
    return make(() => (numbers[at++] ?? 0) / CHOICES);
  });
}
