import { FORCE_SIGNALS } from "../../allocation/ladder.ts";
import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { Client, Question, StopOptions } from "../../client/client.ts";
import type { Allocation } from "../../client/replies.ts";
import type { Flag, Flags } from "../flags.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { isOver } from "../text/copies.ts";
import { describeEnding } from "../text/receipt.ts";
import { createFollower } from "./follow.ts";

/** How a stop may differ from what the job says. */
export const STOP_FLAGS: readonly Flag[] = [
  { name: "detach", help: "Return as soon as the stop was asked for." },
  { name: "no-shutdown-delay", help: "Do not wait for the job's shutdown_delay." },
  {
    name: "signal",
    value: "SIGNAL",
    help: "Force it: end QEMU by SIGTERM, which flushes its disks, or SIGKILL, which does not, without asking the guest.",
  },
];

/** @throws AppError `invalid` for a signal that does not end a machine. */
export function readStopFlags(flags: Flags): StopOptions {
  return { signal: readForce(flags.text("signal")), noShutdownDelay: flags.has("no-shutdown-delay") };
}

function readForce(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const name = `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  const known = FORCE_SIGNALS.find((signal) => signal === name);
  if (known !== undefined) return known;
  throw new AppError("invalid", `flag -signal: expected ${FORCE_SIGNALS.join(" or ")}, found ${JSON.stringify(text)}`, {
    hint: "a guest is asked with its power button: leave -signal out",
  });
}

export interface Stopping {
  /** The allocations, `live` among them. */
  readonly question: Question<readonly Allocation[]>;
  /** What ran when the stop was asked for. */
  readonly live: readonly Allocation[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Shows what happens until every machine is gone, and prints its receipts. @throws the signal's reason. */
export async function waitForEnd(client: Client, { question, live, terminal, signal }: Stopping): Promise<void> {
  if (live.length === 0) {
    terminal.err.line("no machine of it was running");
    return;
  }
  const follow = createFollower(terminal, live);
  for await (const all of client.watch(question, signal)) {
    const mine = all.filter(({ ID }) => live.some((allocation) => allocation.ID === ID));
    follow(mine);
    if (mine.every(isOver)) {
      for (const allocation of mine) printReceipts(allocation, terminal);
      return;
    }
  }
}

function printReceipts({ ID, TaskStates }: Allocation, { out }: Terminal): void {
  for (const [task, { Paddock: machine }] of Object.entries(TaskStates)) {
    out.line({ text: `task "${task}" of allocation ${shortId(ID)} has ended`, style: "bold" });
    if (machine?.Ending) for (const line of describeEnding(machine.Ending, out.columns)) out.line(...line);
  }
}
