import { lstatSync } from "node:fs";
import type { Evidence } from "../allocation/judge.ts";
import { delay, monotonicMillis } from "../base/clock.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import { readUntrusted } from "../base/files.ts";
import type { Log } from "../base/log.ts";
import { readNumbers } from "../cgroup/numbers.ts";
import type { MachineFiles } from "../paths.ts";
import { parseJournal } from "../qmp/event.ts";
import type { MachinePlace } from "./machine-place.ts";
import { withMachineFiles } from "./own-files.ts";
import { parseStatus, type WrapperStatus } from "./wrapper.ts";

/** How much of a journal's end is read; a guest that resets in a loop makes it grow. */
const JOURNAL_TAIL = 4 << 20;
const STDERR_TAIL = 16 << 10;
/** How long the wrapper may take to write `exit N` after QEMU is gone, in milliseconds. */
const EXIT_LINE_PATIENCE = 1_000;

/** Reads what a machine whose process is gone left behind, and what the kernel counted of it; what cannot be read counts as absent and is logged. */
export async function gatherEvidence(
  place: MachinePlace,
  rebooted: boolean,
  log: Log,
  group: string | null,
): Promise<Evidence> {
  const status = rebooted ? await readStatus(place, log) : await waitForExitLine(place, log);
  const journal = await readMachineFile(place, "journalOut", JOURNAL_TAIL, log);
  return {
    journal: parseJournal(journal).events,
    exitStatus: status?.exit ?? null,
    stderr: tail(place.stderr, STDERR_TAIL, log).toString("utf8"),
    rebooted,
    cgroup: group === null ? null : readNumbers(group),
  };
}

/** What the wrapper wrote; null when there is nothing to read. */
export async function readStatus(place: MachinePlace, log: Log): Promise<WrapperStatus | null> {
  const bytes = await readMachineFile(place, "status", 4096, log);
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

/** The end of one of the files that the agent's own directory has about a start; empty when it cannot be read, which is logged. */
export async function readMachineFile(
  place: MachinePlace,
  file: keyof MachineFiles,
  limit: number,
  log: Log,
): Promise<Buffer> {
  try {
    return await withMachineFiles(place, (files) => tail(files[file], limit, log));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") log.warn("evidence of a machine cannot be read", { error: errorText(error) });
    return Buffer.alloc(0);
  }
}

function tail(path: string, limit: number, log: Log): Buffer {
  try {
    const size = lstatSync(path).size;
    return readUntrusted(path, limit, Math.max(0, size - limit)) ?? Buffer.alloc(0);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") log.warn("evidence of a machine cannot be read", { path, error: String(error) });
    return Buffer.alloc(0);
  }
}
