import { shortId } from "../base/ids.ts";
import { ask, type Client } from "../client/client.ts";
import type { Allocation } from "../client/replies.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "./command.ts";
import { EXIT, Interrupted } from "./exit.ts";
import { createFollower } from "./follow.ts";
import { requireJob } from "./names.ts";
import { isOver } from "./ps.ts";
import { describeEnding } from "./receipt.ts";
import type { Terminal } from "./terminal.ts";

export const JOB_STOP: Command = {
  names: ["job stop", "stop"],
  summary: "Stop a job and its machines",
  operands: "JOB",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "purge", help: "Also forget the job." },
    { name: "detach", help: "Return as soon as the stop was asked for." },
    { name: "yes", help: "For scripts made for Nomad: nothing is asked here." },
  ],
  details:
    "Stops a job as its job file says: with graceful_shutdown the guest gets the whole of kill_timeout to shut down after the press of the power button, then QEMU is ended. Waits until the machines are gone and prints for each the receipt: what ended it, when each step was tried, and how long it took. Ctrl-C ends the waiting, not the stop.",
  examples: ["paddock stop web", "paddock job stop -purge web"],
  exits: [
    [EXIT.ok, "every machine is gone, or the stop was asked for with -detach"],
    [EXIT.failed, "there is no such job, or no agent"],
    [EXIT.SIGINT, "Ctrl-C; the stop goes on"],
  ],
  run: runStop,
};

async function runStop(invocation: Invocation): Promise<number> {
  const { terminal } = invocation.context;
  const interrupt = terminal.listenForInterrupt();
  try {
    return await stopJob(invocation, interrupt.signal, (id) => {
      terminal.err.line(`the stop of job "${id}" goes on; look with: paddock status ${id}`);
    });
  } finally {
    interrupt.release();
  }
}

/**
 * Stops a job as `paddock job stop` does.
 * @param onLeave called with the job's id when `signal` aborts after the stop was asked for.
 * @throws AppError when there is no such job; the signal's reason.
 */
export async function stopJob(
  { context, flags, operands }: Invocation,
  signal: AbortSignal,
  onLeave: (id: string) => void,
): Promise<number> {
  const { terminal } = context;
  const client = await connectAgent({ context, flags });
  const { ID: id } = await requireJob(client, operands[0] ?? "");
  const live = (await client.read(ask.jobAllocations(id), signal)).filter((allocation) => !isOver(allocation));
  const { EvalID } = await client.deregisterJob(id, flags.has("purge"));
  if (flags.has("detach")) {
    terminal.out.line(EvalID);
    return EXIT.ok;
  }
  try {
    await waitForEnd(client, { id, live, terminal, signal });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Interrupted) onLeave(id);
    throw error;
  }
}

interface Stopping {
  readonly id: string;
  /** What ran when the stop was asked for. */
  readonly live: readonly Allocation[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function waitForEnd(client: Client, { id, live, terminal, signal }: Stopping): Promise<void> {
  terminal.err.line({ text: "==> ", style: "bold" }, `job "${id}" is being stopped`);
  if (live.length === 0) {
    terminal.err.line("no machine of it was running");
    return;
  }
  const follow = createFollower(terminal, live);
  for await (const all of client.watch(ask.jobAllocations(id), signal)) {
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
