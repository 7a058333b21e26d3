import { isAbsolute, join, relative } from "node:path/posix";

/**
 * The other task of an allocation in whose directory a path lies, taken word for word.
 * @param path absolute, or from the task's own directory. @param alloc absolute: holds the directories of the tasks.
 * @returns undefined for every other path.
 */
export function directoryOfSibling(
  path: string,
  { task, alloc, tasks }: { readonly task: string; readonly alloc: string; readonly tasks: readonly string[] },
): string | undefined {
  const [first] = relative(alloc, isAbsolute(path) ? path : join(alloc, task, path)).split("/");
  return tasks.find((name) => name !== task && name === first);
}
