import type { JobDiff, TaskDiff, TaskGroupDiff } from "../job-diff.ts";
import type { EncodedJob } from "../job-record.ts";
import { byText, isPart, type JsonPart } from "./fields.ts";
import { diffInside, type Sides, typeOf } from "./objects.ts";

/** Told elsewhere, or the agent's own words about a job. As in Nomad the job's `Update` is that of its groups. */
const NOT_OF_JOB: ReadonlySet<string> = new Set(["ID", "TaskGroups", "Update"]);
const NOT_OF_GROUP: ReadonlySet<string> = new Set(["Name", "Tasks"]);
const NOT_OF_TASK: ReadonlySet<string> = new Set(["Name"]);

/**
 * What differs between two jobs in Nomad's JSON, in Nomad's shape; annotations are the planner's. Groups and tasks that are the same are
 * in it, too. Secrets are blanked.
 * @param old undefined for a job that is new. @param now undefined for one that goes.
 */
export function diffJobs(id: string, old: EncodedJob | undefined, now: EncodedJob | undefined): JobDiff {
  const inner = diffInside("Job", { old, now }, { without: NOT_OF_JOB });
  const groups = pair("TaskGroups", { old, now }).map(([name, sides]) => diffGroup(name, sides));
  return {
    Type: typeOf({ old, now }, [...inner.Fields, ...inner.Objects, ...groups]),
    ID: id,
    ...inner,
    TaskGroups: groups,
  };
}

function diffGroup(name: string, sides: Sides): TaskGroupDiff {
  const inner = diffInside("TaskGroup", sides, { without: NOT_OF_GROUP });
  const tasks = pair("Tasks", sides).map(([task, its]) => diffTask(task, its));
  const Type = typeOf(sides, [...inner.Fields, ...inner.Objects, ...tasks]);
  return { Type, Name: name, ...inner, Tasks: tasks, Updates: null };
}

function diffTask(name: string, sides: Sides): TaskDiff {
  const inner = diffInside("Task", sides, { without: NOT_OF_TASK });
  return { Type: typeOf(sides, [...inner.Fields, ...inner.Objects]), Name: name, ...inner, Annotations: null };
}

/** The parts of a list on both sides, by their names. */
function pair(list: string, { old, now }: Sides): [string, Sides][] {
  const [before, after] = [old, now].map((part) => byName(part?.[list]));
  const names = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].toSorted(byText);
  return names.map((name) => [name, { old: before?.get(name), now: after?.get(name) }]);
}

function byName(list: unknown): Map<string, JsonPart> {
  const parts = Array.isArray(list) ? (list as readonly unknown[]).filter(isPart) : [];
  return new Map(parts.map((part) => [String(part["Name"]), part]));
}
