import { resolve } from "node:path";
import type { Fetched, Placing } from "../../artifact/unpack/fetched.ts";
import type { QemuConfig } from "../../job/job.ts";
import type { TaskDirs } from "../../paths.ts";
import { readArguments } from "../../qemu/arguments.ts";
import { namedFiles, sharesDirectory } from "../../qemu/files.ts";

/**
 * Decides which artifacts of a task may be the cache's own files under another name: those that its `args` name, and only to be read,
 * such as a kernel, and the boot image unless it is written to itself. Of what nothing names nobody knows what the job does with it.
 * @param config interpolated.
 * @param ownUser whether the machine runs as a user of its own, who cannot write to what is the agent's.
 * @returns takes the absolute path that an artifact becomes.
 */
export function placingOf(
  config: Pick<QemuConfig, "args" | "image_path" | "disk">,
  dirs: Pick<TaskDirs, "task">,
  ownUser: boolean,
): (path: string) => Placing {
  const args = readArguments(config.args);
  // A guest that is given the directory would write to the file of all jobs.
  if (!ownUser && sharesDirectory(args)) return () => "own";
  const named = namedFiles(args).map((file) => ({
    ...file,
    path: resolve(dirs.task, file.path),
  }));
  const image = resolve(dirs.task, config.image_path);
  return (path) => {
    const uses = named.filter((file) => file.path === path);
    const isRead = uses.every(({ access }) => access === "read");
    const isMeant = path === image ? config.disk !== "direct" : uses.length > 0;
    return isMeant && isRead ? "link" : "own";
  };
}

/** What the cache gave the boot image as; null where it is none of the cache's, or was not fetched now. */
export function linkedImage(
  fetched: readonly Pick<Fetched, "path" | "linked">[],
  config: Pick<QemuConfig, "image_path">,
  dirs: Pick<TaskDirs, "task">,
): Fetched["linked"] {
  const image = resolve(dirs.task, config.image_path);
  return fetched.find(({ path }) => path === image)?.linked ?? null;
}
