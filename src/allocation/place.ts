/** Where an allocation stands in its job: one copy of a group. Two allocations of one place never run at the same time. */
export interface Place {
  readonly group: string;
  /** Counts the copies of the group from 0. */
  readonly index: number;
}

/** Whether two are the same copy of the same group. */
export function isSamePlace(one: Place, other: Place): boolean {
  return one.group === other.group && one.index === other.index;
}

/** Nomad's name of the allocation that has a place: `job.group[index]`. */
export function placeName(jobId: string, { group, index }: Place): string {
  return `${jobId}.${group}[${index}]`;
}
