import { startFailure } from "../allocation/receipt.ts";
import { AppError, errorText } from "../base/errors.ts";
import { closeGroup } from "../cgroup/groups.ts";
import { assertInGroup, openGroup, spareWrapper } from "./confine.ts";
import type { Desk } from "./desk.ts";
import { releaseImage } from "./hands.ts";
import { launchMachine } from "./launch.ts";

/** Why what is being prepared or started ends; the next agent goes on with what was fetched. */
export const AGENT_ENDS = new AppError("unavailable", "the agent ends");

/** Makes a machine ready to be spawned and says so, or why not, to its actor; never rejects. */
export async function prepareMachine(desk: Desk, generation: number): Promise<void> {
  const { task, hands, context, send } = desk;
  const { clock, log, recorder } = context;
  const abort = new AbortController();
  hands.preparing = abort;
  try {
    const prepared = await context.prepare({
      allocation: desk.allocation(),
      task,
      place: desk.place(generation),
      fetched: desk.allocation().tasks[task]?.fetched ?? false,
      signal: abort.signal,
      report: desk.report,
      keepUser: desk.keepUser,
      onProgress: (progress) => {
        hands.progress = progress;
        recorder.changes.bump();
      },
    });
    hands.prepared = prepared;
    if (desk.closed()) releaseImage(hands);
    send({ kind: "prepared", at: clock.now() });
  } catch (error) {
    // Nobody takes an answer any more, and the store may be closed.
    if (desk.closed()) return;
    if (!abort.signal.aborted) log.warn("not started", { task, error: errorText(error) });
    const ending = startFailure(error, clock.now());
    const recoverable = error instanceof AppError && error.code === "fetch";
    send({ kind: "prepare_failed", at: clock.now(), ending, next: desk.decide(ending, recoverable) });
  } finally {
    hands.progress = undefined;
    hands.preparing = null;
  }
}

/** Spawns a prepared machine and says who it is, or why there is none, to its actor; never rejects. */
export async function startMachine(desk: Desk, generation: number): Promise<void> {
  const { task, hands, context, send } = desk;
  const { clock, log, bootId, recorder } = context;
  const prepared = hands.prepared;
  if (prepared === null) throw new Error("launch without preparation");
  // While its files are made; QEMU is not started before.
  const recorded = recorder.sync();
  recorded.catch(() => undefined);
  const beforeSpawn = async (): Promise<void> => {
    await recorded;
    // The image's descriptors were given back: their numbers may be anything by now.
    if (desk.closed()) throw AGENT_ENDS;
  };
  const group = openGroup(desk, generation, prepared.plan);
  try {
    const place = desk.place(generation);
    const { child, identity } = await launchMachine(place, prepared, { bootId, group, beforeSpawn });
    hands.child = child;
    spareWrapper(child.pid);
    if (group !== null) assertInGroup(desk, group.path, identity.pid);
    send({ kind: "spawned", at: clock.now(), identity });
  } catch (error) {
    if (desk.closed()) return;
    log.warn("not started", { task, error: errorText(error) });
    const at = clock.now();
    desk.report({ type: "Driver Failure", time: at, message: errorText(error), details: {}, failsTask: true });
    const ending = startFailure(error, at);
    send({ kind: "start_failed", at, ending, next: desk.decide(ending, false) });
  } finally {
    if (group !== null) closeGroup(group);
    releaseImage(hands);
  }
}
