import { ask } from "../../client/client.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, idText, VERBOSE_FLAG } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import { readStopFlags, STOP_FLAGS, waitForEnd } from "../job/stopping.ts";
import { ALLOCATION_FORMS, requireAllocation } from "../names.ts";
import { isOver } from "../text/copies.ts";

export const ALLOC_STOP: Command = {
  names: ["alloc stop"],
  summary: "Stop an allocation and its machines",
  operands: "ALLOCATION",
  takes: [1, 1],
  flags: [ADDRESS_FLAG, ...STOP_FLAGS, VERBOSE_FLAG],
  details: `Stops the machines of one allocation as paddock job stop does, and prints their receipts. Nothing takes its place, unlike in a cluster: paddock job run starts the job again, paddock alloc restart a machine in place. ${ALLOCATION_FORMS}`,
  examples: ["paddock alloc stop 1f2e3d4c", "paddock alloc stop -signal SIGKILL 1f2e3d4c"],
  exits: [
    [EXIT.ok, "every machine is gone, or the stop was asked for with -detach"],
    [EXIT.failed, "there is no such allocation, or no agent"],
    [EXIT.SIGINT, "Ctrl-C; the stop goes on"],
  ],
  run: runAllocStop,
};

async function runAllocStop({ context, flags, operands }: Invocation): Promise<number> {
  const { terminal } = context;
  const options = readStopFlags(flags);
  const client = await connectAgent({ context, flags });
  const allocation = await requireAllocation(client, operands[0] ?? "");
  const name = idText(allocation.ID, flags.has("verbose"));
  const { EvalID } = await client.stopAllocation(allocation.ID, options);
  if (flags.has("detach")) {
    terminal.out.line(EvalID);
    return EXIT.ok;
  }
  const interrupt = terminal.listenForInterrupt();
  try {
    terminal.err.line({ text: "==> ", style: "bold" }, `allocation ${name} is being stopped`);
    const live = isOver(allocation) ? [] : [allocation];
    const question = ask.allocations(allocation.ID);
    await waitForEnd(client, { question, live, terminal, signal: interrupt.signal });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Interrupted) {
      terminal.err.line(`the stop of allocation ${name} goes on; look with: paddock alloc status ${name}`);
    }
    throw error;
  } finally {
    interrupt.release();
  }
}
