import type { Task } from "./job.ts";
import { loadJob } from "./load.ts";

/** A task that says only what every task must. */
const LEAST = 'job "d" {\n group "d" {\n task "d" {\n driver = "qemu"\n config {\n image_path = "d"\n }\n }\n }\n }';

/**
 * The attributes of a task, such as `config.accelerator`, that have the value which they have where a job says nothing of them; whether it
 * did is not known any more. Those that are a single value.
 */
export function defaultAttributes(task: Pick<Task, "config" | "resources">): string[] {
  const least = loadJob("default", LEAST).job?.groups[0]?.tasks[0];
  if (least === undefined) throw new Error("the least job is none");
  return (["config", "resources"] as const).flatMap((block) => {
    const values: Readonly<Record<string, unknown>> = { ...task[block] };
    return Object.entries(least[block])
      .filter(([name, value]) => typeof value !== "object" && value !== undefined && values[name] === value)
      .map(([name]) => `${block}.${name}`);
  });
}
