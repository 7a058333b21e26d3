import { HOUR, MINUTE, SECOND } from "../base/units.ts";
import type { AnyBlock } from "../hcl/describe.ts";
import type { JsonObject } from "../hcl/encode.ts";
import type { JsonValue } from "../hcl/leaf.ts";
import type { Kept } from "../hcl/notes.ts";
import type { Job } from "./job.ts";
import { jobBlock } from "./schema/job.ts";
import { encodeJob } from "./wire.ts";

type Written = { [key: string]: JsonValue | Written[] | Written };

/**
 * A job as Nomad's client would send it: `encodeJob`, and with it what was written of blocks that have no effect here.
 * @param kept as `loadJob` gives it.
 */
export function outputJob(job: Job, kept: readonly Kept[]): JsonObject {
  const output = structuredClone(encodeJob(job)) as Written;
  const groups = listIn(output, "TaskGroups");
  fillUpdate(output, job, kept, ["update"]);
  for (const [at, group] of groups.entries()) {
    const own = `groups[${at}]`;
    fillUpdate(group, job, kept, ["update", `${own}.update`]);
    const migrations = [objectOf(kept, "", "Migrate"), objectOf(kept, own, "Migrate")];
    group["Migrate"] = completed(MIGRATE, job.type === "service", ...migrations);
    const policies = [objectOf(kept, "", "Reschedule"), objectOf(kept, own, "ReschedulePolicy")];
    group["ReschedulePolicy"] = completed(rescheduleOf(job), RESCHEDULED.has(job.type), ...policies);
  }
  for (const { path, name, value } of kept) {
    const isDone = name === "Migrate" || name === "ReschedulePolicy";
    const target = name === "" || (isDone && path !== "") ? undefined : findIn(output, path);
    if (target !== undefined) target[name] = value as Written[string];
  }
  for (const [at, group] of groups.entries()) {
    fillScaling(group);
    inheritRestart(kept, at, group);
  }
  return output as JsonObject;
}

/** Types of jobs that Nomad's client fills it in for. */
const UPDATED: ReadonlySet<Job["type"]> = new Set(["service", "system"]);

/** Nomad's client leaves it out of jobs that end by themselves, and say nothing of it. @param paths where something may be said of it. */
function fillUpdate(target: Written, { type }: Job, kept: readonly Kept[], paths: readonly string[]): void {
  const isWritten = kept.some(({ path }) => paths.includes(path));
  if (!UPDATED.has(type) && !isWritten) target["Update"] = null;
  else for (const path of paths) merge(target, "Update", partOf(kept, path));
}

/** As many machines at least as the group has. */
function fillScaling({ Scaling: scaling, Count }: Written): void {
  if (scaling === null || typeof scaling !== "object" || Array.isArray(scaling)) return;
  const written = scaling as Written;
  written["Min"] ??= Count ?? null;
}

/** What a group's restart policy says holds for its tasks, too. */
function inheritRestart(kept: readonly Kept[], at: number, group: Written): void {
  const inherited = partOf(kept, `groups[${at}].restart`);
  for (const [index, task] of listIn(group, "Tasks").entries()) {
    merge(task, "RestartPolicy", { ...inherited, ...partOf(kept, `groups[${at}].tasks[${index}].restart`) });
  }
}

/** The entries that were kept of a block. */
const partOf = (kept: readonly Kept[], path: string): Readonly<Record<string, JsonValue>> =>
  Object.fromEntries(
    kept.filter((one) => one.path === path && one.name !== "").map(({ name, value }) => [name, value]),
  );

/** A block that was kept as a whole. */
function objectOf(kept: readonly Kept[], path: string, name: string): Readonly<Record<string, JsonValue>> | undefined {
  const found = kept.find((one) => one.path === path && one.name === name)?.value;
  return found == null ? undefined : (found as Readonly<Record<string, JsonValue>>);
}

function merge(target: Written, name: string, entries: Readonly<Record<string, JsonValue>>): void {
  const block = target[name];
  if (block !== null && typeof block === "object" && !Array.isArray(block)) Object.assign(block, entries);
}

/** What is written over what holds otherwise. @param always false where it is null when nothing is written. */
function completed(
  otherwise: Readonly<Record<string, JsonValue>>,
  always: boolean,
  ...written: readonly (Readonly<Record<string, JsonValue>> | undefined)[]
): Written | null {
  const isWritten = written.some((part) => part !== undefined);
  return always || isWritten ? (Object.assign({}, otherwise, ...written) as Written) : null;
}

const MIGRATE = {
  ...{ MaxParallel: 1, HealthCheck: "checks" },
  ...{ MinHealthyTime: 10 * SECOND, HealthyDeadline: 5 * MINUTE },
};

/** Types of jobs whose machines Nomad places elsewhere by default. */
const RESCHEDULED: ReadonlySet<Job["type"]> = new Set(["service", "batch"]);

/** Nomad's defaults by the type of the job. */
function rescheduleOf({ type }: Job): Readonly<Record<string, JsonValue>> {
  const never = { Attempts: 0, Interval: 0, Delay: 0, DelayFunction: "", MaxDelay: 0, Unlimited: false };
  if (type === "service") {
    return { ...never, Delay: 30 * SECOND, DelayFunction: "exponential", MaxDelay: HOUR, Unlimited: true };
  }
  if (type === "batch")
    return { ...never, Attempts: 1, Interval: 24 * HOUR, Delay: 5 * SECOND, DelayFunction: "constant" };
  return never;
}

/** The object of JSON that a block with this path became; undefined for one whose place in JSON hangs on its value. */
function findIn(output: Written, path: string): Written | undefined {
  let block: AnyBlock = jobBlock;
  let target: Written | undefined = output;
  for (const [, key = "", index] of path.matchAll(/([^.[\]]+)(?:\[(\d+)\])?/g)) {
    const field = block.fields[key];
    if (field?.kind !== "block" && field?.kind !== "blocks") return undefined;
    const name = Array.isArray(field.json) ? (field.json.length === 1 ? field.json[0] : undefined) : field.json;
    if (typeof name !== "string" || target === undefined) return undefined;
    const found: Written[string] | undefined = index === undefined ? target[name] : listIn(target, name)[Number(index)];
    target = found !== null && typeof found === "object" && !Array.isArray(found) ? (found as Written) : undefined;
    block = field.block;
  }
  return target;
}

function listIn(target: Written, name: string): Written[] {
  const found = target[name];
  return Array.isArray(found) ? (found as Written[]) : [];
}
