import { Buffer } from "node:buffer";
import type { Client } from "../client/client.ts";
import { ask } from "../client/client.ts";
import { readExplanation } from "./allocation-text.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "./command.ts";
import { createConsoleText } from "./console-text.ts";
import { EXIT } from "./exit.ts";
import type { Flag, Flags } from "./flags.ts";
import { chooseTask, requireAllocation, resolveTask, type TaskOf } from "./names.ts";
import type { Terminal } from "./terminal.ts";

const FLAGS: readonly Flag[] = [
  ADDRESS_FLAG,
  { name: "f", help: "Go on with what the machine writes from now on, until it has ended." },
  { name: "stderr", help: "QEMU's own messages instead of the serial console." },
  { name: "stdout", help: "The serial console, which is the default." },
  { name: "tail", help: "Begin with the last lines: 10, or as many as -n says." },
  { name: "n", value: "N", count: true, help: "Begin with the last N lines." },
];

const DETAILS =
  "Prints what a machine has written on its serial console, or with -stderr what QEMU had to say. On a terminal, colours and cursor movements of the guest are left out and its other control characters are shown escaped; into a file or a pipe go the bytes as they are.";

export const LOGS: Command = {
  names: ["logs"],
  summary: "Print the serial console of a machine",
  operands: "NAME [TASK]",
  takes: [1, 2],
  flags: FLAGS,
  details: `${DETAILS} NAME is a job, JOB/TASK, or the beginning of an allocation's id.`,
  examples: ["paddock logs -f web", "paddock logs -n 50 web/vm", "paddock logs -stderr 1f2e3d4c"],
  run: (invocation) => runLogs(invocation, async (client, [name = "", task]) => await resolveTask(client, name, task)),
};

export const ALLOC_LOGS: Command = {
  names: ["alloc logs"],
  summary: "Print the serial console of an allocation's task",
  operands: "ALLOCATION [TASK]",
  takes: [1, 2],
  flags: FLAGS,
  details: `${DETAILS} ALLOCATION is the beginning of an allocation's id.`,
  examples: ["paddock alloc logs -f 1f2e3d4c", "paddock alloc logs -stderr 1f2e3d4c vm"],
  run: (invocation) =>
    runLogs(invocation, async (client, [prefix = "", task]) => {
      const allocation = await requireAllocation(client, prefix);
      return { allocation, task: chooseTask(allocation, task) };
    }),
};

async function runLogs(
  invocation: Invocation,
  find: (client: Client, operands: readonly string[]) => Promise<TaskOf>,
): Promise<number> {
  const { context, flags, operands } = invocation;
  const client = await connectAgent(invocation);
  const target = await find(client, operands);
  const interrupt = context.terminal.listenForInterrupt();
  try {
    const { terminal } = context;
    const raw = !terminal.out.isTerminal;
    if (!flags.has("stderr")) await sayWhoseSerial(client, target, terminal);
    await printLog(client, target, { terminal, raw, signal: interrupt.signal, ...readWish(flags) });
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
  return {
    type: flags.has("stderr") ? ("stderr" as const) : ("stdout" as const),
    follow: flags.has("f"),
    lines: flags.count("n") ?? (flags.has("tail") ? DEFAULT_TAIL : undefined),
  };
}

export interface LogWish {
  readonly terminal: Terminal;
  readonly type: "stdout" | "stderr";
  readonly follow: boolean;
  /** Only the last lines; undefined for the whole log. */
  readonly lines?: number | undefined;
  readonly signal: AbortSignal;
  /** Bytes as they are, rather than text that is fit for a terminal. */
  readonly raw: boolean;
  /** Looked at with each piece of text: true ends a followed log. */
  readonly enough?: (text: string) => boolean;
}

/**
 * Prints a task's log as it is, or as it grows.
 * @throws AppError as the client does, or the signal's reason.
 */
export async function printLog(client: Client, { allocation, task }: TaskOf, wish: LogWish): Promise<void> {
  const { terminal, type, follow, lines, signal, raw, enough } = wish;
  const toText = createConsoleText();
  const print = async (data: Uint8Array): Promise<boolean> => {
    const text = toText(data);
    if (raw) terminal.out.raw(data);
    else terminal.out.text(text);
    await terminal.drain();
    return enough?.(text) === true;
  };
  const finish = (): void => {
    if (!raw) terminal.out.text(toText());
  };
  let from: { readonly file?: string | undefined; readonly offset: number } = { offset: 0 };
  if (lines !== undefined) {
    const tail = await readTail(client, { allocation, task }, { type, lines, signal });
    from = { file: tail.file, offset: tail.end };
    const done = await print(tail.data);
    if (done || !follow) return finish();
  }
  for await (const piece of client.readLog(allocation.ID, task, { type, follow, origin: "start", ...from, signal })) {
    if (await print(piece.data)) break;
  }
  finish();
}

/** What is read of a log's end at first; doubled until it has lines enough. */
const FIRST_TAIL = 64 << 10;

/** The last lines of a log, and where it ended when they were read: rotation moves no byte within its file. */
async function readTail(
  client: Client,
  { allocation, task }: TaskOf,
  { type, lines, signal }: { readonly type: "stdout" | "stderr"; readonly lines: number; readonly signal: AbortSignal },
): Promise<{ readonly data: Uint8Array; readonly file: string | undefined; readonly end: number }> {
  for (let size = FIRST_TAIL; ; size *= 2) {
    const pieces: Uint8Array[] = [];
    let end = 0;
    let file: string | undefined;
    const options = { type, follow: false, origin: "end", offset: size, signal } as const;
    for await (const piece of client.readLog(allocation.ID, task, options)) {
      pieces.push(piece.data);
      ({ file, end } = piece);
    }
    const data = Buffer.concat(pieces);
    const start = startOfLastLines(data, lines);
    if (start !== undefined || data.length < size) return { data: data.subarray(start ?? 0), file, end };
  }
}

const NEWLINE = 0x0a;

/** Offset of the last `count` lines; undefined when there are not that many. A line end at the very end begins no line. */
function startOfLastLines(data: Uint8Array, count: number): number | undefined {
  if (count === 0) return data.length;
  let at = data.length - 1;
  for (let left = count; at > 0; ) {
    at = data.lastIndexOf(NEWLINE, at - 1);
    if (at >= 0 && --left === 0) return at + 1;
  }
  return undefined;
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
