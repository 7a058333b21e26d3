import { errorText } from "../../base/errors.ts";
import { changeDrain, completeDrain, type DrainRequest, type DrainStrategy, isForced } from "../../node/drain.ts";
import type { JobRecord } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";
import { drainOf, putDrain, putEligibility } from "../place/eligibility.ts";
import type { Moment } from "../place/evaluation.ts";
import type { WaitingRoom } from "../place/waiting.ts";
import { recordedCause } from "../settle.ts";
import { stopMachines } from "../stop.ts";
import { dueNow, isForcedOut, jobOf, leaving } from "./leaving.ts";
import { MIGRATED, putMigrated } from "./migrate.ts";

/** Milliseconds until it is tried again when a full disk or the like kept a drain from going on. */
const RETRY_AFTER = 5_000;

/** Empties the node of machines, and knows when that is done. */
export interface Drainer {
  /** Begins a drain, changes it or ends it. @returns the index of the change. @throws StoreError. */
  set(request: DrainRequest): Promise<number>;
  /** To be called when an allocation has ended: it may have been the last one. */
  look(): void;
  /** Stops nothing any more. */
  close(): void;
}

interface Around {
  /** Runs work when every change of jobs before it is done. */
  readonly oneByOne: <T>(work: () => Promise<T>) => Promise<T>;
  readonly room: Pick<WaitingRoom, "note" | "look">;
}

/** Goes on with what a former agent began; to be made once its machines were adopted and its stops gone through with. */
export function createDrainer(context: AgentContext, { oneByOne, room }: Around): Drainer {
  const { recorder, clock, log } = context;
  let [closed, asked] = [false, false];
  let cancelTimer = (): void => undefined;
  const note = (records: readonly JobRecord[]): void => {
    for (const record of records) room.note(record);
  };
  const wakeAfter = (millis: number): void => {
    cancelTimer();
    cancelTimer = clock.after(millis, look);
  };
  const advance = (): void => {
    const { strategy } = drainOf(context);
    cancelTimer();
    if (closed || strategy === null) return;
    const now = clock.now();
    const forced = isForced(strategy, now);
    const due = dueNow(context, strategy, forced);
    if (due.length > 0) note(recorder.recordFreeing((index) => putMigrated(context, due, { index, now })));
    stopLeaving(context, strategy, forced);
    if (leaving(context, strategy).length === 0) {
      finish(context);
      room.look();
    } else if (!forced && strategy.forceAt !== null) wakeAfter(strategy.forceAt - now);
  };
  /** What has to be done now, whatever keeps it from it. */
  const goOn = (): void => {
    try {
      advance();
    } catch (error) {
      log.warn("the drain of the node does not go on; it is tried again", { error: errorText(error) });
      if (!closed) wakeAfter(RETRY_AFTER);
    }
  };
  const look = (): void => {
    if (asked || closed || drainOf(context).strategy === null) return;
    asked = true;
    void oneByOne(async () => {
      asked = false;
      if (!closed) goOn();
    });
  };
  look();
  return {
    set: (request) =>
      oneByOne(async () => {
        note(recorder.recordFreeing((index) => putRequest(context, request, { index, now: clock.now() })));
        const { index } = recorder.changes;
        announce(context, request.spec === null ? "the node is not drained any more" : "the node is being drained");
        goOn();
        room.look();
        return index;
      }),
    look,
    close: () => {
      closed = true;
      cancelTimer();
    },
  };
}

/** Writes down at once what is asked for and what it means for what runs. @returns the jobs that wait for it. */
function putRequest(context: AgentContext, request: DrainRequest, moment: Moment): JobRecord[] {
  const next = changeDrain(drainOf(context), request, { now: moment.now, bootId: context.supervisor.bootId });
  putDrain(context, next);
  const { strategy } = next;
  if (strategy === null) {
    if (request.markEligible) putEligibility(context, true);
    return [];
  }
  putEligibility(context, false);
  return putMigrated(context, dueNow(context, strategy, isForced(strategy, moment.now)), moment);
}

function finish(context: AgentContext): void {
  context.recorder.recordFreeing(() => putDrain(context, completeDrain(drainOf(context), context.clock.now())));
  announce(context, "the node is drained");
}

function announce({ recorder, node, log }: AgentContext, what: string): void {
  recorder.announce({ kind: "node", node: node(), change: "drain" });
  log.info(what);
}

/** Stops what was said to, and at the deadline by force whatever is left: QEMU flushes its disks on SIGTERM, nobody asks the guest. */
function stopLeaving(context: AgentContext, strategy: DrainStrategy, forced: boolean): void {
  const { supervisor, log } = context;
  for (const stored of leaving(context, strategy)) {
    const live = supervisor.live(stored.id);
    if (live === undefined) continue;
    const isTold = stored.desired === "stop";
    const isToForce = forced && !isForcedOut(live);
    if (!isToForce && !(isTold && live.desired === "run")) continue;
    const cause = isTold ? recordedCause(stored) : MIGRATED;
    log.info("the drain of the node stops an allocation", { alloc: stored.id, forced });
    const placed = { allocation: stored, job: jobOf(context, stored) };
    stopMachines(context, placed, cause, forced ? { force: "SIGTERM" } : {});
  }
}
