import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { nearestName } from "../base/text.ts";
import type { Job } from "../job/job.ts";
import type { SentSignal } from "../supervisor/signal.ts";
import type { AgentContext } from "./context.ts";
import { stopOrder } from "./stop.ts";

/**
 * Restarts machines of an allocation in place.
 * @param task "" for every task that has not ended.
 * @throws AppError `conflict` for a machine that has ended or is to end.
 */
export function restartTasks(
  context: AgentContext,
  { allocation, job }: { readonly allocation: Allocation; readonly job: Job },
  task: string,
): void {
  for (const name of tasksMeant(allocation, task)) {
    const order = stopOrder(context, { job, group: allocation.group, task: name }, "restart requested");
    context.supervisor.restart(allocation.id, name, order);
  }
}

/**
 * Sends a signal to the QEMUs of an allocation.
 * @param task "" for every task.
 * @throws AppError `invalid` for a signal that means nothing to a machine, `conflict` for a machine that does not run.
 */
export async function signalTasks(
  { supervisor }: AgentContext,
  allocation: Allocation,
  task: string,
  signal: string,
): Promise<void> {
  const known = readSignal(signal);
  for (const name of tasksMeant(allocation, task)) await supervisor.signal(allocation.id, name, known);
}

/** One that has ended is meant by its name alone, unless there is no other. */
function tasksMeant({ tasks }: Allocation, task: string): readonly string[] {
  if (task !== "") return [task];
  const live = Object.keys(tasks).filter((name) => tasks[name]?.machine.kind !== "ended");
  return live.length === 0 ? Object.keys(tasks) : live;
}

/** What a QEMU may be sent, and what it does with it. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGKILL", "SIGCONT"] as const satisfies readonly SentSignal[];

/** Reads the name of a signal, with or without its SIG. @throws AppError `invalid` with what to do instead. */
function readSignal(text: string): SentSignal {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  const known = SIGNALS.find((signal) => signal === name);
  if (known !== undefined) return known;
  const near = nearestName(name, [...SIGNALS]);
  const instead =
    name === "SIGSTOP" || name === "SIGTSTP"
      ? "paddock vm power pause stops the guest and leaves QEMU able to hear"
      : "paddock vm power presses, resets, pauses and resumes a machine, paddock alloc restart starts it again";
  throw new AppError(
    "invalid",
    `a machine knows no signal ${JSON.stringify(text.slice(0, 32))}: its QEMU takes ${SIGNALS.join(", ")}`,
    {
      hint: near === undefined || near === name ? instead : `did you mean ${near}? ${instead}`,
    },
  );
}

/** The record of a task. @throws AppError `not_found` when the allocation has no such task. */
export function requireTask(allocation: Allocation, name: string): TaskRecord {
  const task = Object.hasOwn(allocation.tasks, name) ? allocation.tasks[name] : undefined;
  if (task !== undefined) return task;
  throw new AppError("not_found", `allocation ${shortId(allocation.id)} has no task "${name}"`, {
    hint: `its tasks: ${Object.keys(allocation.tasks).join(", ")}`,
  });
}
