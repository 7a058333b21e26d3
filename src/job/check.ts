import type { Decoded } from "../hcl/decode.ts";
import { type Diagnostic, sortDiagnostics } from "../hcl/diagnostic.ts";
import { createReporter } from "../hcl/places.ts";
import type { Job } from "./job.ts";
import { validateJob } from "./validate/job.ts";
import { QEMU_DRIVER } from "./validate/task.ts";

/**
 * Validates what was decoded, together with what reading it has told.
 * @param base the path of the job in the decoded value.
 * @returns the job when nothing of it is wrong, and all diagnostics by position.
 */
export function checkJob(
  decoded: Decoded<Job>,
  base: string,
  before: readonly Diagnostic[],
): { job: Job | undefined; diagnostics: Diagnostic[] } {
  const told: Diagnostic[] = [...before, ...withoutForeignConfig(decoded, base)];
  validateJob(decoded.value, createReporter(decoded.places, told, base));
  const diagnostics = sortDiagnostics(told);
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return { job: failed ? undefined : decoded.value, diagnostics };
}

/** That the driver is another one is what is wrong then; its `config` is not ours to judge. */
function withoutForeignConfig(decoded: Decoded<Job>, base: string): Diagnostic[] {
  const tasks = decoded.value.groups.flatMap((group, g) =>
    group.tasks.map((task, t) => {
      const path = `${base === "" ? "" : `${base}.`}groups[${g}].tasks[${t}]`;
      return { inside: decoded.places.get(path)?.inside, foreign: task.driver !== QEMU_DRIVER && task.driver !== "" };
    }),
  );
  const own = new Set(tasks.filter(({ foreign }) => !foreign).map(({ inside }) => inside));
  const foreign = new Set(tasks.flatMap(({ inside }) => (inside === undefined || own.has(inside) ? [] : [inside])));
  return decoded.diagnostics.filter(({ where = "", message }) => {
    const missing = /^missing (block "config"|key "Config")$/.test(message) && foreign.has(where);
    return !missing && !foreign.has(/^(.*)(?:, config|\.Config)$/s.exec(where)?.[1] ?? "");
  });
}
