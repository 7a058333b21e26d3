import type { ProcessIdentity } from "../allocation/machine.ts";
import { readCommandLine } from "./command-lines.ts";
import { readStat } from "./identity.ts";
import type { MachinePlace } from "./machine-place.ts";
import { isStopped, SENT, signalProcess } from "./signal.ts";

/**
 * Lets a QEMU run on that somebody has stopped by a signal: it hears neither its monitor nor SIGTERM, and whoever stops its job
 * wants it to. Its wrapper, too, which would stay behind otherwise.
 * @returns what there is to tell of it, "" for nothing.
 */
export async function wakeProcess(place: MachinePlace, identity: ProcessIdentity, bootId: string): Promise<string> {
  await wakeWrapper(place, identity, bootId);
  if (!isStopped(identity, bootId)) return "";
  const sent = await signalProcess(identity, bootId, "SIGCONT");
  return sent === SENT
    ? " (QEMU was stopped by a signal and was continued)"
    : ` (QEMU is stopped by a signal; SIGCONT: ${sent})`;
}

/** The wrapper is QEMU's parent as long as it lives, and known by the journal in its command line. */
async function wakeWrapper(place: MachinePlace, qemu: ProcessIdentity, bootId: string): Promise<void> {
  const parent = readStat(qemu.pid)?.parent ?? 0;
  const stat = parent > 1 ? readStat(parent) : null;
  if (stat === null || !readCommandLine(String(parent)).includes(place.files.journalPrefix)) return;
  const wrapper = { bootId, pid: parent, startTime: stat.startTime };
  if (isStopped(wrapper, bootId)) await signalProcess(wrapper, bootId, "SIGCONT");
}
