import { systemClock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { ask } from "../../client/client.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth, type Flag, type Flags } from "../flags.ts";
import {
  ALLOCATION_FORMS,
  chooseTask,
  chooseTaskOrAll,
  NAME_FORMS,
  requireAllocation,
  requireJobAllocation,
  resolveTask,
  type TaskOf,
} from "../names.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { MOMENT_FORMS, parseMoment } from "../terminal/time.ts";
import { readExplanation } from "../text/allocation.ts";
import { printLog } from "./log-print.ts";

const FLAGS: readonly Flag[] = [
  ADDRESS_FLAG,
  { name: "f", help: "Go on with what the machine writes from now on, until it has ended." },
  { name: "stderr", help: "QEMU's own messages instead of the serial console." },
  { name: "stdout", help: "The serial console, which is the default." },
  { name: "tail", help: "Begin with the last lines: 10, or as many as -n says." },
  { name: "n", value: "N", count: true, help: "Begin with the last N lines." },
  { name: "c", value: "N", count: true, help: "Begin with the last N bytes." },
  { name: "since", value: "TIME", help: `Only what was written since then: ${MOMENT_FORMS}.` },
  { name: "until", value: "TIME", help: "Only what was written until then, in the same forms." },
  {
    name: "timestamps",
    help: "Begin each line with when it was written, to some 3 seconds; ~ stands before times by which it was, at the latest.",
  },
];

/** Nomad's, for what a name says otherwise. */
const ALLOC_FLAGS: readonly Flag[] = [
  ...FLAGS,
  { name: "job", help: "The first operand is a job: its allocation is meant." },
  { name: "task", value: "TASK", help: "The same as the second operand." },
  VERBOSE_FLAG,
];

const DETAILS =
  "Prints what a machine has written on its serial console, or with -stderr what QEMU had to say. On a terminal, colours and cursor movements of the guest are left out and its other control characters are shown escaped; into a file or a pipe go the bytes as they are.";

const EXITS: Command["exits"] = [
  [EXIT.ok, "all that there was is printed, or the machine that was followed has ended"],
  [EXIT.failed, "there is no such machine or log, or the agent broke off"],
  [EXIT.SIGINT, "Ctrl-C"],
];

export const LOGS: Command = {
  names: ["logs"],
  summary: "Print the serial console of a machine",
  operands: "NAME [TASK]",
  takes: [1, 2],
  flags: FLAGS,
  details: `${DETAILS} ${NAME_FORMS}`,
  examples: ["paddock logs -f web", "paddock logs -n 50 web/vm", "paddock logs -since 10m -timestamps web"],
  exits: EXITS,
  run: (invocation) => runLogs(invocation, async (client, [name = "", task]) => await resolveTask(client, name, task)),
};

export const ALLOC_LOGS: Command = {
  names: ["alloc logs"],
  summary: "Print the serial console of an allocation's task",
  operands: "ALLOCATION [TASK]",
  takes: [1, 2],
  flags: ALLOC_FLAGS,
  details: `${DETAILS} ${ALLOCATION_FORMS}`,
  examples: [
    "paddock alloc logs -f 1f2e3d4c",
    "paddock alloc logs -stderr 1f2e3d4c vm",
    "paddock alloc logs -tail -n 20 -job web",
  ],
  exits: EXITS,
  run: (invocation) =>
    runLogs(invocation, async (client, [name = "", operand]) => {
      const { flags } = invocation;
      const allocation = await (flags.has("job") ? requireJobAllocation : requireAllocation)(client, name);
      // One that both are given means the same task.
      const task = chooseTaskOrAll(allocation, operand, flags.text("task"));
      return { allocation, task: chooseTask(allocation, task || undefined) };
    }),
};

async function runLogs(
  invocation: Invocation,
  find: (client: Client, operands: readonly string[]) => Promise<TaskOf>,
): Promise<number> {
  const { context, flags, operands } = invocation;
  const wish = readWish(flags);
  const client = await connectAgent(invocation);
  const target = await find(client, operands);
  const interrupt = context.terminal.listenForInterrupt();
  try {
    const { terminal } = context;
    const raw = !terminal.out.isTerminal;
    if (!flags.has("stderr")) await sayWhoseSerial(client, target, terminal);
    await printLog(client, target, { terminal, raw, signal: interrupt.signal, ...wish });
    interrupt.signal.throwIfAborted();
    if (flags.has("f")) await sayEnd(client, target, context.terminal);
    return EXIT.ok;
  } finally {
    interrupt.release();
  }
}

/** Lines of `-tail` without `-n`, as in Nomad. */
const DEFAULT_TAIL = 10;

function readWish(flags: Flags) {
  assertNotBoth(flags, "stderr", "stdout");
  assertNotBoth(flags, "n", "c");
  const wish = {
    type: flags.has("stderr") ? ("stderr" as const) : ("stdout" as const),
    follow: flags.has("f"),
    lines: flags.count("n") ?? (flags.has("tail") && !flags.has("c") ? DEFAULT_TAIL : undefined),
    bytes: flags.count("c"),
    since: momentFlag(flags, "since"),
    until: momentFlag(flags, "until"),
    timestamps: flags.has("timestamps"),
  };
  const asksTime = wish.since !== undefined || wish.until !== undefined;
  if (asksTime && (wish.lines ?? wish.bytes) !== undefined) {
    throw new AppError("invalid", "flags -n, -c and -tail: expected alone, without -since and -until", {
      hint: "paddock logs -since 1h NAME | tail -n 10",
    });
  }
  if (wish.follow && wish.until !== undefined) {
    throw new AppError("invalid", "flag -until: expected without -f, which follows what is written from now on");
  }
  return wish;
}

/** @returns milliseconds since 1970. */
function momentFlag(flags: Flags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const moment = parseMoment(text, systemClock.now());
  if (moment !== undefined) return moment;
  throw new AppError("invalid", `flag -${name}: expected a time, found ${JSON.stringify(text)}`, {
    hint: `a time is ${MOMENT_FORMS}`,
  });
}

/** A serial port that `args` bring writes where they say, not into the log; and a job may want no log. */
async function sayWhoseSerial(client: Client, { allocation, task }: TaskOf, terminal: Terminal): Promise<void> {
  const explanation = await readExplanation(client, allocation, task);
  const own = explanation?.OwnSerial;
  if (!own && !explanation?.LogDisabled) return;
  const why = own ? `args bring a serial port of their own (${own})` : "the job has logs { disabled = true }";
  const what = `${why}: this log has only what QEMU itself prints`;
  terminal.err.line({ text: "==> ", style: "bold" }, what);
}

/** A log that ended tells nothing of why. */
async function sayEnd(client: Client, { allocation, task }: TaskOf, terminal: Terminal): Promise<void> {
  const { TaskStates } = await client.read(ask.allocation(allocation.ID));
  const ending = TaskStates[task]?.Paddock?.Ending;
  if (ending) terminal.err.line({ text: "==> ", style: "bold" }, `the machine has ended: ${ending.Message}`);
}
