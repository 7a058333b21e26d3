import { readFileSync } from "node:fs";
import type { MachineState } from "../../allocation/machine.ts";
import { formatCores, parseCores } from "../../base/cores.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { inRanges, type Range } from "../../base/ranges.ts";
import type { Store } from "../../state/store.ts";

/** Which processors of the host which machine is bound to. */
export interface CoreBook {
  /**
   * Processors for one machine, to which no other one that lives is bound; the same ones again for its next start.
   * @param count 0 takes none.
   * @throws AppError `unplaceable` when too few are left, saying who has the others.
   */
  take(allocationId: string, task: string, count: number): readonly number[];
}

/** The processors that Linux lets anything run on, in its own form; "" where there is no Linux. */
export function readOnlineCores(): string {
  try {
    return readFileSync("/sys/devices/system/cpu/online", "utf8").trim();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "";
  }
}

/**
 * The book is the record of launches, so that it is there after a restart of the agent; what was taken for a launch that is not
 * recorded yet is held here.
 * @param online the host's processors, in Linux's form.
 * @param reserved those of them that machines do not get.
 */
export function createCoreBook(
  store: Pick<Store, "liveAllocations" | "lastLaunch">,
  online: string,
  reserved: readonly Range[] = [],
): CoreBook {
  const all = parseCores(online).filter((core) => !inRanges(reserved, core));
  const taken = new Map<string, readonly number[]>();
  const keyOf = (allocationId: string, task: string): string => `${allocationId}/${task}`;

  /** Cores of every machine but one, with their holders. */
  const heldByOthers = (own: string): ReadonlyMap<number, string> => {
    const held = new Map<number, string>();
    for (const { id, jobId, tasks } of store.liveAllocations()) {
      for (const [task, { machine }] of Object.entries(tasks)) {
        const key = keyOf(id, task);
        // The record of a machine that is being prepared may still say that it waits.
        if (key === own || !(taken.has(key) || mayHold(machine))) continue;
        const cores = taken.get(key) ?? store.lastLaunch(id, task)?.limits?.cores ?? [];
        for (const core of cores) held.set(core, `${shortId(id)} of job "${jobId}"`);
      }
    }
    return held;
  };

  return {
    take: (allocationId, task, count) => {
      const key = keyOf(allocationId, task);
      if (count === 0) {
        taken.delete(key);
        return [];
      }
      const held = heldByOthers(key);
      const before = taken.get(key) ?? store.lastLaunch(allocationId, task)?.limits?.cores ?? [];
      const free = all.filter((core) => !held.has(core));
      const own =
        before.length === count && before.every((core) => free.includes(core)) ? before : free.slice(0, count);
      if (own.length < count) throw tooFew(count, all, held);
      forgetEnded(taken, store);
      taken.set(key, own);
      return own;
    },
  };
}

/** A machine that waits for its turn, or has ended, has no processors. */
const mayHold = (machine: MachineState): boolean => machine.kind !== "pending" && machine.kind !== "ended";

function forgetEnded(taken: Map<string, readonly number[]>, store: Pick<Store, "liveAllocations">): void {
  const live = new Set(store.liveAllocations().map(({ id }) => id));
  for (const key of taken.keys()) {
    if (!live.has(key.split("/", 1)[0] ?? "")) taken.delete(key);
  }
}

function tooFew(count: number, all: readonly number[], held: ReadonlyMap<number, string>): AppError {
  const holders = [...new Set(held.values())].join(", ");
  const others =
    holders === "" ? "" : `; ${formatCores([...held.keys()])} ${held.size === 1 ? "is" : "are"} held by ${holders}`;
  const host =
    all.length === 0 ? "this host does not tell its processors" : `machines of this host have ${formatCores(all)}`;
  return new AppError("unplaceable", `resources.cores: ${count} asked for, ${host}${others}`, {
    hint: "ask for fewer cores, for cpu in MHz instead, or stop a machine that holds some",
  });
}
