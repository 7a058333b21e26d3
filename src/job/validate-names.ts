import { quoteFound } from "../hcl/content.ts";
import type { Reporter } from "../hcl/places.ts";

/** Longest name of a task, in bytes: `<name>.stdout.0` must fit into a file name of 255. */
const LONGEST_TASK_NAME = 200;

/**
 * What stands in a name that is handed to QEMU's option parser, to the file system or to a terminal and means something else there:
 * a comma begins the next option, and control characters end lines and texts.
 */
export function hasUnsafeCharacter(text: string): boolean {
  return /[,\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

/** Checks the name of a job, group or port: set, and without what is unsafe. */
export function checkName(report: Reporter, path: string, name: string): void {
  if (name === "") report.must(path, "be set");
  else if (hasUnsafeCharacter(name)) {
    report.must(path, `hold no comma and no control character, found ${quoteFound(name)}`);
  }
}

/** Checks the name of a task, which becomes the name of a directory beside `alloc`. */
export function checkTaskName(report: Reporter, name: string): void {
  checkName(report, "name", name);
  if (/[/\\]/.test(name)) report.must("name", `hold no slash and no backslash, found ${quoteFound(name)}`);
  if (name === "alloc" || name === "." || name === "..") {
    report.must("name", `not be ${quoteFound(name)}, which is a directory of the allocation already`);
  }
  if (Buffer.byteLength(name) > LONGEST_TASK_NAME) {
    report.must("name", `be at most ${LONGEST_TASK_NAME} bytes long, found ${Buffer.byteLength(name)}`);
  }
}

/** Indexes of those that have the name of an earlier one. */
export function repeatedNames(named: readonly { readonly name: string }[]): number[] {
  return named.flatMap(({ name }, index) => (named.findIndex((other) => other.name === name) < index ? [index] : []));
}
