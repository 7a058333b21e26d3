import { basename } from "node:path";
import type { Evidence } from "../allocation/evidence.ts";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { keepEvents, keepLines, type Remains } from "../allocation/remains.ts";
import { delay, monotonicMillis } from "../base/clock.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { readNumbers } from "../cgroup/numbers.ts";
import { lstat } from "../logs/files.ts";
import { parseJournal, type QmpEvent } from "../qmp/event.ts";
import { readFileEnd, readMachineFile } from "./file-ends.ts";
import { type Intent, readIntent } from "./intent.ts";
import { readKernelWords } from "./kernel-log.ts";
import type { MachinePlace } from "./machine-place.ts";
import { parseStatus, type WrapperStatus } from "./wrapper.ts";

/** How much of a journal's end is read; a guest that resets in a loop makes it grow. */
const JOURNAL_TAIL = 4 << 20;
const LOG_TAIL = 16 << 10;
const STATUS_LIMIT = 4096;
/** How long the wrapper may take to write `exit N` after QEMU is gone, in milliseconds. */
const EXIT_LINE_PATIENCE = 1_000;

/** The machine whose evidence is looked for. */
export interface Departed {
  readonly place: MachinePlace;
  /** null when nobody learned who it was. */
  readonly identity: ProcessIdentity | null;
  /** Its control group; null where it has none. */
  readonly group: string | null;
  /** The host was started anew since. */
  readonly rebooted: boolean;
  /** An agent was there when it ended. */
  readonly watched: boolean;
}

export interface Findings {
  readonly evidence: Evidence;
  readonly remains: Remains;
}

/** Reads what a machine whose process is gone left behind, and what the kernel counted of it; what cannot be read counts as absent and is logged. */
export async function gatherEvidence(departed: Departed, log: Log): Promise<Findings> {
  const { place, identity, group, rebooted, watched } = departed;
  const status = rebooted ? await readStatus(place, log) : await waitForExitLine(place, log);
  const exitStatus = status?.exit ?? null;
  const { events } = parseJournal(await readMachineFile(place, "journalOut", JOURNAL_TAIL, log));
  const intent = await readIntent(place, log);
  const stderr = tailOfStart(place, "stderr", intent, log);
  // A process that ended by itself is no matter of the kernel's.
  const silent = exitStatus === null || exitStatus > 128;
  const kernel = silent && !rebooted && identity !== null ? readKernelWords(identity) : null;
  const cgroup = group === null ? null : readNumbers(group);
  return {
    evidence: { journal: events, exitStatus, stderr, rebooted, cgroup, ...(kernel && { kernel }) },
    remains: {
      events: keepEvents(events),
      status: (await readMachineFile(place, "status", 1024, log)).toString("utf8"),
      stderr: keepLines(stderr),
      serial: keepLines(tailOfStart(place, "stdout", intent, log)),
      kernel,
      watched,
      endedAt: claimedEnd(place, events, exitStatus),
    },
  };
}

/** What the wrapper wrote; null when there is nothing to read. */
export async function readStatus(place: MachinePlace, log: Log): Promise<WrapperStatus | null> {
  const bytes = await readMachineFile(place, "status", STATUS_LIMIT, log);
  return bytes.length === 0 ? null : parseStatus(bytes);
}

async function waitForExitLine(place: MachinePlace, log: Log): Promise<WrapperStatus | null> {
  const deadline = monotonicMillis() + EXIT_LINE_PATIENCE;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const status = await readStatus(place, log);
    if (status?.exit != null || monotonicMillis() > deadline) return status;
    await delay(pause);
  }
}

/** When it ended by its own account: the wrapper's last word, else the journal's. */
function claimedEnd(place: MachinePlace, events: readonly QmpEvent[], exitStatus: number | null): number | null {
  if (exitStatus !== null) return lstat(place.files.status)?.mtimeMs ?? null;
  return events.findLast(({ name }) => name === "SHUTDOWN")?.at ?? null;
}

/** The end of a log, without what an earlier start had written into the same file. */
function tailOfStart(place: MachinePlace, type: "stdout" | "stderr", intent: Intent | null, log: Log): string {
  try {
    const path = place[type];
    const begun = intent?.logs?.[type];
    return readFileEnd(path, LOG_TAIL, log, begun?.file === basename(path) ? begun.size : 0).toString("utf8");
  } catch (error) {
    // A machine may have put something else in the place of its directory of logs.
    if (errnoOf(error) === undefined) throw error;
    log.warn("the logs of a machine cannot be read", { path: place.dirs.logs, error: errorText(error) });
    return "";
  }
}
