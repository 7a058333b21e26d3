import type { Ending } from "../allocation/ending.ts";
import { isRefusal, judgeEnding } from "../allocation/judge.ts";
import type { MachineEvent, MachineState, ProcessIdentity } from "../allocation/machine.ts";
import type { RestartDecision } from "../allocation/restart.ts";
import { type Clock, delay, monotonicMillis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cgroups } from "../cgroup/groups.ts";
import { processUids } from "../node/users.ts";
import { findProgram, isNamed, readCommandLine, readCommandLines } from "./command-lines.ts";
import { locateGroup } from "./confine.ts";
import { gatherEvidence, readStatus } from "./evidence.ts";
import { isAlive, readStat } from "./identity.ts";
import { readIntent } from "./intent.ts";
import type { MachinePlace } from "./machine-place.ts";

/** How long a wrapper that was just spawned may take to write QEMU's identity, in milliseconds. */
const LATE_WRAPPER = 5_000;

export interface AdoptContext {
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly cgroups: Cgroups | null;
  /** What follows an end that is found now. */
  readonly decide: (ending: Ending, recoverable: boolean) => RestartDecision;
}

/**
 * Finds out what became of a machine while no agent watched.
 * @returns the event that goes on from its recorded state; null when it had ended already.
 */
export async function adoptionEvent(
  state: MachineState,
  place: MachinePlace,
  context: AdoptContext,
): Promise<MachineEvent | null> {
  switch (state.kind) {
    case "pending":
    case "preparing":
    case "backoff":
      return { kind: "begin", at: context.clock.now() };
    case "starting":
      return await adoptStarting(place, context);
    case "running":
    case "stopping":
      return await adoptIdentified(state.identity, place, context, state.guest !== "unknown" || state.adopted);
    case "ended":
      return null;
  }
}

async function adoptIdentified(
  identity: ProcessIdentity,
  place: MachinePlace,
  context: AdoptContext,
  answered: boolean,
): Promise<MachineEvent> {
  const { bootId, clock } = context;
  if (isAlive(identity, bootId)) return { kind: "adopted", at: clock.now(), identity };
  return await goneEvent(place, identity, context, answered);
}

/** @param identity null for a machine of an earlier boot of the host that nobody had identified. */
async function goneEvent(
  place: MachinePlace,
  identity: ProcessIdentity | null,
  context: AdoptContext,
  answered = false,
): Promise<MachineEvent> {
  const rebooted = identity?.bootId !== context.bootId;
  const group = locateGroup(context, place, null);
  const found = await gatherEvidence({ place, identity, group, rebooted, watched: false }, context.log);
  const at = context.clock.now();
  const ending = judgeEnding(found.evidence, at);
  const recoverable = !isRefusal(ending, found.evidence, answered);
  return { kind: "gone", at, ending, next: context.decide(ending, recoverable), remains: found.remains };
}

/** The former agent died between its intent and the record of the process: only the intent and the status file know. */
async function adoptStarting(place: MachinePlace, context: AdoptContext): Promise<MachineEvent> {
  const bootId = (await readIntent(place, context.log))?.bootId;
  if (bootId !== undefined && bootId !== context.bootId) return await goneEvent(place, null, context);
  const identity = await recordedIdentity(place, context);
  if (identity === null) return { kind: "begin", at: context.clock.now() };
  return await adoptIdentified(identity, place, context, false);
}

/** Waits for the status file only while a process of this very start exists: without one it will never be written. */
async function recordedIdentity(place: MachinePlace, context: AdoptContext): Promise<ProcessIdentity | null> {
  const deadline = monotonicMillis() + LATE_WRAPPER;
  for (;;) {
    const mayCome = monotonicMillis() < deadline && isNamed(place.files.journalPrefix, readCommandLines());
    const status = await readStatus(place, context.log);
    if (status?.pid != null && status.startTime !== null) {
      const identity = { bootId: context.bootId, pid: status.pid, startTime: status.startTime };
      // The file may be in reach of QEMU: the process of which it speaks is ours only if it was started with this journal, and runs
      // as the machine's user, for a command line can be forged too.
      if (isOfUser(status.pid, place) && readCommandLine(String(status.pid)).includes(place.files.journalPrefix)) {
        return identity;
      }
      const shown = identityInProc(place, context);
      if (shown === null && !isAlive(identity, context.bootId)) return identity;
      context.log.warn("a status file names a process that is not this machine", { path: place.files.status });
      return shown;
    }
    if (!mayCome) return null;
    await delay(20);
  }
}

/** Who QEMU is by its command line alone, when the status file cannot be trusted. */
function identityInProc(place: MachinePlace, context: AdoptContext): ProcessIdentity | null {
  const pid = findProgram(place.files.journalPrefix, (candidate) => isOfUser(candidate, place));
  const stat = pid === null ? null : readStat(pid);
  return stat === null ? null : { bootId: context.bootId, pid: stat.pid, startTime: stat.startTime };
}

/** Every process is, of a machine that has no user of its own. */
function isOfUser(pid: number, { user }: MachinePlace): boolean {
  return user === null || (processUids(pid)?.every((uid) => uid === user.uid) ?? false);
}
