import { setImmediate } from "node:timers/promises";
import type { Remover } from "../../base/remove-directory.ts";
import { escapeControls } from "../../base/text.ts";
import { formatBytes } from "../../base/units.ts";
import { allocDir } from "../../paths.ts";
import type { Collection } from "../../state/records.ts";
import type { AgentContext } from "../context.ts";

/** A machine may give its files names as long as it likes; nobody reads more of them than this. */
const LONGEST_TROUBLE = 1_000;

/**
 * Removes what is left of an allocation of which the store says that it is removed: its files, then what was remembered of it. Whatever
 * instant the agent is killed at, the next one does the same again.
 * @returns what is remembered of it; a text for people when some of it cannot be removed.
 * @throws StoreError.
 */
export async function removeAllocation(
  { dirs, store, recorder, clock, log }: Pick<AgentContext, "dirs" | "store" | "recorder" | "clock" | "log">,
  collection: Collection,
  remover: Pick<Remover, "remove">,
): Promise<Collection | string> {
  const { allocationId, jobId, reason } = collection;
  const { names, bytes, trouble } = await remover.remove(allocDir(dirs, allocationId));
  const freed = { ...collection, bytes: collection.bytes + bytes };
  if (trouble !== null) {
    const path = allocDir(dirs, allocationId);
    const text = `${path} cannot be removed: ${escapeControls(trouble.slice(0, LONGEST_TROUBLE))}`;
    if (names > 0 || collection.trouble !== text) {
      recorder.recordFreeing(() => store.beginCollection({ ...freed, trouble: text }));
    }
    return text;
  }
  const done = { ...freed, trouble: undefined, doneAt: clock.now() };
  const forget = (): boolean => {
    const more = store.dropHistory(allocationId);
    if (!more) store.finishCollection(done);
    return more;
  };
  while (recorder.recordFreeing(forget)) await setImmediate();
  log.info("removed an ended allocation", {
    alloc: allocationId,
    job: jobId,
    because: reason,
    names,
    freed: formatBytes(done.bytes),
  });
  return done;
}
