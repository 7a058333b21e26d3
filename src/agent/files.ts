import { closeSync } from "node:fs";
import type { Allocation } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { type FileInfo, listBeneath, statBeneath } from "../files/info.ts";
import { type FilePiece, type FileQuery, type Guard, openBeneath, readBeneath } from "../files/read.ts";
import { allocDir, taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";

/** The files of allocations, whose machines may be hostile. Each throws AppError `not_found`, and `invalid` for what leads out of them. */
export interface AllocationFiles {
  /** Looks at a file or directory below the allocation's directory. */
  stat(allocationId: string, path: string): Promise<FileInfo>;
  /** The names in a directory. @throws AppError `invalid` for what is no directory. */
  list(allocationId: string, path: string): Promise<readonly FileInfo[]>;
  /**
   * Reads a file as `readBeneath` does.
   * @throws AppError `invalid` also for secrets, and for what is no regular file; at once, before anything is read.
   */
  read(allocationId: string, path: string, query: FileQuery): AsyncGenerator<FilePiece>;
}

/** @param allocation finds one by its id. */
export function allocationFiles(
  { dirs }: Pick<AgentContext, "dirs">,
  allocation: (id: string) => Allocation,
): AllocationFiles {
  const rootOf = (id: string): string => allocDir(dirs, allocation(id).id);
  return {
    stat: async (id, path) => await statBeneath(rootOf(id), path),
    list: async (id, path) => await listBeneath(rootOf(id), path),
    read: (id, path, query) => {
      const root = rootOf(id);
      const guard = guardSecrets(dirs, allocation(id), path);
      closeSync(openBeneath(root, path, guard));
      return readBeneath(root, path, query, guard);
    },
  };
}

/** Asked of the place that is opened: a name may have become a link since it was looked at. */
function guardSecrets(dirs: AgentContext["dirs"], { id, tasks }: Allocation, path: string): Guard {
  const places = Object.keys(tasks).map((task) => {
    const { alloc, secrets } = taskDirs(dirs, id, task);
    return secrets.slice(alloc.length + 1).split("/");
  });
  return (names) => {
    if (!places.some((place) => place.every((name, at) => names[at] === name))) return;
    throw new AppError("invalid", `Reading secret file prohibited: ${path}`);
  };
}
