import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";

/** Longest name of anything else, in bytes: a job's id stands in the path of requests, percent-encoded, which servers bound. */
const LONGEST_NAME = 1024;

/** Longest name of a task, in bytes: `<name>.stdout.0` must fit into a file name of 255. */
const LONGEST_TASK_NAME = 200;

/**
 * What stands in a name that is handed to QEMU's option parser, to the file system or to a terminal and means something else there:
 * a comma begins the next option, and control characters end lines and texts.
 */
export function hasUnsafeCharacter(text: string): boolean {
  return /[,\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

/** Checks the name of a job, group or port: set, not too long, and without what is unsafe. */
export function checkName(report: Reporter, path: string, name: string): void {
  if (name === "") report.must(path, "be set");
  else if (hasUnsafeCharacter(name)) {
    report.must(path, `hold no comma and no control character, found ${quoteFound(name)}`);
  } else checkLength(report, path, name, LONGEST_NAME);
}

/** Checks the id of a job, which is a part of the path of requests: `.` and `..` would be steps in it, however they are encoded. */
export function checkJobId(report: Reporter, id: string): void {
  checkName(report, "id", id);
  if (/\s/.test(id)) report.must("id", "hold no space");
  if (id === "." || id === "..") report.must("id", `not be ${quoteFound(id)}, which no request could name`);
}

function checkLength(report: Reporter, path: string, name: string, longest: number): void {
  const found = Buffer.byteLength(name);
  if (found > longest) report.must(path, `be at most ${longest} bytes long, found ${found}`);
}

/** Checks the name of a task, which becomes the name of a directory beside `alloc`. */
export function checkTaskName(report: Reporter, name: string): void {
  checkName(report, "name", name);
  if (/[/\\]/.test(name)) report.must("name", `hold no slash and no backslash, found ${quoteFound(name)}`);
  if (name === "alloc" || name === "." || name === "..") {
    report.must("name", `not be ${quoteFound(name)}, which is a directory of the allocation already`);
  }
  checkLength(report, "name", name, LONGEST_TASK_NAME);
}

/** Checks that no two groups of a job, or tasks of a group, have one name. */
export function checkNamesDiffer(
  report: Reporter,
  list: "groups" | "tasks",
  named: readonly { readonly name: string }[],
): void {
  for (const index of repeatedNames(named)) {
    const found = quoteFound(named[index]?.name ?? "");
    report.must(`${list}[${index}].name`, `differ from the other ${list}' names, found ${found} again`);
  }
}

/** Indexes of those that have the name of an earlier one. */
export function repeatedNames(named: readonly { readonly name: string }[]): number[] {
  return named.flatMap(({ name }, index) => (named.findIndex((other) => other.name === name) < index ? [index] : []));
}
