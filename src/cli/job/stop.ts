import { AppError } from "../../base/errors.ts";
import { shellOperand } from "../../base/text.ts";
import { ask } from "../../client/client.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import { requireJob } from "../names.ts";
import { printLabelled } from "../terminal/labelled.ts";
import { isOver } from "../text/copies.ts";
import { readStopFlags, STOP_FLAGS, waitForEnd } from "./stopping.ts";
import { splitWarnings } from "./warnings.ts";

export const JOB_STOP: Command = {
  names: ["job stop", "stop"],
  summary: "Stop a job and its machines",
  operands: "JOB",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "purge", help: "Also forget the job. Disks that its guests have written to are kept for a while." },
    { name: "discard", help: "With -purge: keep no disk; everything of the job goes once its machines have ended." },
    ...STOP_FLAGS,
    { name: "yes", help: "For scripts made for Nomad: nothing is asked here." },
  ],
  details:
    "Stops a job as its job file says: with graceful_shutdown the guest gets the whole of kill_timeout to shut down after the press of the power button (with guest_agent, its agent is asked first), then QEMU is ended. Waits until the machines are gone and prints for each the receipt: what ended it, when each step was tried, and how long it took. Ctrl-C ends the waiting, not the stop. With -signal nobody is asked, also when the job is being stopped already.",
  examples: ["paddock stop web", "paddock job stop -purge web", "paddock stop -signal SIGKILL web"],
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
      terminal.err.line(`the stop of job "${id}" goes on; look with: paddock status ${shellOperand(id)}`);
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
  const [purge, discard] = [flags.has("purge"), flags.has("discard")];
  if (discard && !purge) {
    throw new AppError("invalid", "flag -discard: expected -purge beside it", {
      hint: "a job that is only stopped keeps its disk",
    });
  }
  const client = await connectAgent({ context, flags }, signal);
  const { ID: id } = await requireJob(client, operands[0] ?? "");
  const live = (await client.read(ask.jobAllocations(id), signal)).filter((allocation) => !isOver(allocation));
  const { EvalID, Warnings } = await client.deregisterJob(id, { purge, discard, ...readStopFlags(flags) });
  for (const warning of splitWarnings(Warnings)) printLabelled(terminal.err, "note", warning);
  if (flags.has("detach")) {
    terminal.out.line(EvalID);
    return EXIT.ok;
  }
  try {
    terminal.err.line({ text: "==> ", style: "bold" }, `job "${id}" is being stopped`);
    await waitForEnd(client, { question: ask.jobAllocations(id), live, terminal, signal });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Interrupted) onLeave(id);
    throw error;
  }
}
