import type { Explanation } from "../../client/explanation.ts";
import type { Group, Job, Task } from "../../job/job.ts";

/** One copy of a task of a job that was not submitted. */
export interface ForeseenTask {
  readonly job: Job;
  readonly group: Group;
  readonly task: Task;
  readonly index: number;
}

/** A machine as this host would start it. */
export interface ForeseenMachine {
  /** What only a start decides stands in it as a word in angle brackets; a port that is chosen then is 0. */
  readonly shown: Explanation;
  /** Indices of those `args` in which something is reckoned from what only a start decides. */
  readonly computed: readonly number[];
  /** The same machine with values that may be used here and now. */
  readonly runnable: Explanation;
  /** Stands in `runnable` for the task directory. */
  readonly taskMark: string;
  /** For people: which of these values are made up. */
  readonly chosen: readonly string[];
  /** The image, which the disk may be made of. */
  readonly imagePath: string;
  readonly imageFormat: string;
  /** Bytes that `disk_size` asks for; null where it says nothing. */
  readonly diskSize: number | null;
  /** Files of the task directory that the machine opens, and who makes them. */
  readonly files: readonly { readonly path: string; readonly by: string }[];
  /** Whom it runs as, in words. */
  readonly user: string;
  /** The words of the task's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** For people: what is not certain, and what would keep the machine from starting. */
  readonly warnings: readonly string[];
}
