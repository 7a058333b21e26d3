import { DEFAULT_LIMITS, type Limits } from "../archive/limits.ts";
import { filesOf } from "../cache/key.ts";
import { type BringOptions, bring } from "./bring.ts";
import { findDamage } from "./damage.ts";
import { findProved, openTargetFolder } from "./destination.ts";
import { artifactError } from "./failure.ts";
import type { Outcome, Task } from "./messages.ts";
import { cachedFile, placeCopy, planForFile } from "./place.ts";
import { unpackArchive } from "./unpack/unpack.ts";

/** Does what a Worker was asked for. @throws AppError `fetch`. */
export async function perform(task: Task, options: BringOptions, limits: Limits = DEFAULT_LIMITS): Promise<Outcome> {
  switch (task.kind) {
    case "bring":
      return {
        kind: "brought",
        brought: await bring(task.plan, task.cache, { ...options, offline: task.offline === true }, limits),
      };
    case "prove":
      return { kind: "proved", proved: await prove(task, options) };
    case "place":
      return { kind: "placed", unpacked: await place(task, options, limits) };
  }
}

async function prove({ plan }: Extract<Task, { kind: "prove" }>, { signal }: BringOptions) {
  const folder = openTargetFolder(plan);
  try {
    return (await findProved(plan, folder, signal)) ?? null;
  } catch (error) {
    throw signal.aborted ? artifactError(plan.source, "cancelled") : error;
  } finally {
    folder.close();
  }
}

async function place(task: Extract<Task, { kind: "place" }>, { signal, onDamaged }: BringOptions, limits: Limits) {
  const { plan, cache, key, cached, offline = false } = task;
  const giving = offline ? null : cache;
  const files = filesOf(cache, key);
  const file = cachedFile(plan, files);
  try {
    if (file === undefined && plan.unpack !== null) {
      return await unpackArchive(plan, plan.unpack, giving, files, signal, limits);
    }
    await placeCopy(planForFile(plan), giving, file ?? files.content, signal);
    return null;
  } catch (error) {
    // What was fetched just now is proved; what lay there may have rotted, and is fetched again then.
    if (cached && !signal.aborted) await findDamage(cache, key, signal, onDamaged).catch(() => false);
    throw error;
  }
}
