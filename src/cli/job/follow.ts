import { monotonicMillis } from "../../base/clock.ts";
import type { Allocation, Progress } from "../../client/replies.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { copyLabels, hasFailed, isOver } from "../text/copies.ts";
import { createEventFeed, describeEvent, describeProgress } from "../text/events.ts";

/** Between two lines of progress where there is no terminal, in milliseconds. */
const PROGRESS_EVERY = 5_000;

/**
 * Shows what happens to allocations while it happens, on the side of the messages.
 * @param skip these are known already: only what comes later is shown.
 * @returns a function to be called with each new state of the allocations.
 */
export function createFollower(
  terminal: Terminal,
  skip: readonly Allocation[] = [],
): (now: readonly Allocation[]) => void {
  const feed = createEventFeed();
  for (const allocation of skip) feed(allocation);
  const showProgress = createProgress(terminal);
  return (now) => {
    const label = copyLabels(now);
    const placeOf = (allocation: Allocation, task: string): string => {
      const copy = label(allocation);
      const several = Object.keys(allocation.TaskStates).length > 1;
      return [...(copy === allocation.JobID ? [] : [copy]), ...(several ? [task] : [])].join("  ");
    };
    const places = now.flatMap((one) => Object.keys(one.TaskStates).map((task) => placeOf(one, task).length));
    const width = Math.max(0, ...places);
    for (const allocation of now) {
      for (const { task, event } of feed(allocation)) {
        const place = placeOf(allocation, task).padEnd(width);
        for (const line of describeEvent(event, place, terminal.err.columns)) terminal.err.line(...line);
      }
    }
    showProgress(now.flatMap(progressOf)[0]);
  };
}

function progressOf({ TaskStates }: Allocation): Progress[] {
  return Object.values(TaskStates).flatMap(({ Paddock: machine }) => machine?.Progress ?? []);
}

/** Shows how far a transfer is, on a line of the terminal that goes, or every some seconds where there is none. */
export function createProgress(terminal: Terminal): (progress: Progress | undefined) => void {
  let next = monotonicMillis() + PROGRESS_EVERY;
  return (progress) => {
    if (progress === undefined) return;
    // The last column of a terminal stays free: a full line would make it scroll.
    if (terminal.err.isTerminal) terminal.show(describeProgress(progress, terminal.err.columns - 1));
    else if (monotonicMillis() >= next) {
      terminal.err.line(describeProgress(progress, terminal.err.columns));
      next = monotonicMillis() + PROGRESS_EVERY;
    }
  };
}

/** Whether every machine of these allocations runs or has ended. */
export function isSettled(allocations: readonly Allocation[]): boolean {
  return allocations.every((allocation) => {
    if (isOver(allocation) || hasFailed(allocation)) return isOver(allocation);
    const tasks = Object.values(allocation.TaskStates);
    return tasks.length > 0 && tasks.every(({ State }) => State === "running" || State === "dead");
  });
}
