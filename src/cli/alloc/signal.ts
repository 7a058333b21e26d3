import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, idText, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { chooseTaskOrAll, requireAllocation } from "../names.ts";

/** Nomad's. */
const DEFAULT_SIGNAL = "SIGKILL";

export const ALLOC_SIGNAL: Command = {
  names: ["alloc signal"],
  summary: "Send a signal to the QEMU of a machine",
  operands: "ALLOCATION [TASK]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    {
      name: "s",
      value: "SIGNAL",
      help: `SIGTERM, SIGINT, SIGKILL or SIGCONT; ${DEFAULT_SIGNAL} unless told, as in Nomad.`,
    },
    { name: "task", value: "TASK", help: "The same as the operand." },
    VERBOSE_FLAG,
  ],
  details:
    "A machine has no signals, its QEMU has: SIGTERM and SIGINT end it after it has flushed its disks, SIGKILL at once, each without asking the guest, and SIGCONT undoes a SIGSTOP. The restart policy decides what follows such an end. To press, reset, pause or resume a machine use paddock vm power.",
  examples: ["paddock alloc signal -s SIGTERM 1f2e3d4c", "paddock alloc signal -s SIGCONT 1f2e3d4c vm"],
  run: runAllocSignal,
};

async function runAllocSignal({ context, flags, operands }: Invocation): Promise<number> {
  const client = await connectAgent({ context, flags });
  const allocation = await requireAllocation(client, operands[0] ?? "");
  const task = chooseTaskOrAll(allocation, operands[1], flags.text("task"));
  const signal = flags.text("s") ?? DEFAULT_SIGNAL;
  await client.signalAllocation(allocation.ID, task, signal);
  const name = idText(allocation.ID, flags.has("verbose"));
  context.terminal.err.line(`${signal} was sent to ${task === "" ? "" : `task "${task}" of `}allocation ${name}`);
  return EXIT.ok;
}
