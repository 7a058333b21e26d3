import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation, TaskState } from "../../client/replies.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, idText, VERBOSE_FLAG } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import { createFollower } from "../job/follow.ts";
import { chooseTaskOrAll, requireAllocation } from "../names.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { isOver } from "../text/copies.ts";

export const ALLOC_RESTART: Command = {
  names: ["alloc restart"],
  summary: "Restart the machines of an allocation in place",
  operands: "ALLOCATION [TASK]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    { name: "all-tasks", help: "For scripts made for Nomad: without TASK all machines are restarted anyway." },
    { name: "detach", help: "Return as soon as the restart was asked for." },
    { name: "task", value: "TASK", help: "The same as the operand." },
    VERBOSE_FLAG,
  ],
  details:
    "Stops machines as paddock stop does and starts them again on the same disk, in the same allocation, whatever their restart policy says; it does not count there. A machine that waits for its next start begins at once. Shows what happens until they run again. Ctrl-C ends the watching, not the restart.",
  examples: ["paddock alloc restart 1f2e3d4c", "paddock alloc restart -detach 1f2e3d4c vm"],
  exits: [
    [EXIT.ok, "the machines run again, or the restart was asked for with -detach"],
    [EXIT.failed, "there is no such allocation, it has ended or is being stopped, or a machine did not start again"],
    [EXIT.SIGINT, "Ctrl-C; the restart goes on"],
  ],
  run: runAllocRestart,
};

async function runAllocRestart({ context, flags, operands }: Invocation): Promise<number> {
  const { terminal } = context;
  const client = await connectAgent({ context, flags });
  const allocation = await requireAllocation(client, operands[0] ?? "");
  const task = chooseTaskOrAll(allocation, operands[1], flags.text("task"));
  if (task !== "" && flags.has("all-tasks")) {
    throw new AppError("invalid", `flag -all-tasks: expected without a task, found "${task}"`);
  }
  await client.restartAllocation(allocation.ID, task);
  if (flags.has("detach")) return EXIT.ok;
  const name = idText(allocation.ID, flags.has("verbose"));
  terminal.err.line({ text: "==> ", style: "bold" }, `allocation ${name} is being restarted`);
  const interrupt = terminal.listenForInterrupt();
  try {
    return await watchRestart(client, { before: allocation, task, terminal, signal: interrupt.signal });
  } catch (error) {
    if (error instanceof Interrupted) {
      terminal.err.line(`the restart of allocation ${name} goes on; look with: paddock alloc status ${name}`);
    }
    throw error;
  } finally {
    interrupt.release();
  }
}

interface Restarting {
  readonly before: Allocation;
  /** "" for all. */
  readonly task: string;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function watchRestart(client: Client, { before, task, terminal, signal }: Restarting): Promise<number> {
  const follow = createFollower(terminal, [before]);
  for await (const now of client.watch(ask.allocation(before.ID), signal)) {
    follow([now]);
    const meant = Object.entries(now.TaskStates).filter(([name]) =>
      task === "" ? before.TaskStates[name]?.State !== "dead" : name === task,
    );
    if (meant.every(([name, state]) => runsAnew(before.TaskStates[name], state))) return EXIT.ok;
    if (isOver(now)) {
      throw new AppError("conflict", `allocation ${shortId(now.ID)} has ended`, {
        hint: `see what happened: paddock alloc status ${shortId(now.ID)}`,
      });
    }
  }
  return EXIT.failed;
}

/** Whether a machine runs in another process than before. */
function runsAnew(before: TaskState | undefined, { State, Paddock: machine }: TaskState): boolean {
  return State === "running" && machine?.Machine === "running" && machine.Pid !== before?.Paddock?.Pid;
}
