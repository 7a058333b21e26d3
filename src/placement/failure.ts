/** What there is too little of. */
export interface Shortage {
  /** Nomad's name of it: `memory`, `cpu`, `cores`, `disk`, `network: reserved port collision web=8080`. */
  readonly dimension: string;
  /** What was asked for and what there is, for people. */
  readonly text: string;
  /** True when it would not fit on this host if nothing else ran. */
  readonly never: boolean;
}

/** Why copies of a group were not placed; Nomad's `FailedTGAllocs` is written from it. */
export interface PlacementFailure {
  readonly group: string;
  /** Further copies that were not placed for the same reasons; undefined for none. */
  readonly coalesced?: number | undefined;
  readonly shortages: readonly Shortage[];
  /** Constraints that do not hold any more, for a job that waited and met a changed node. */
  readonly filtered: readonly string[];
}

/** All reasons of a failure, one line each. */
export function reasonsOf({ shortages, filtered }: PlacementFailure): string[] {
  return [...shortages.map(({ text }) => text), ...filtered];
}
