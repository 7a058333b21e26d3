import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HierarchySource } from "../../src/cgroup/hierarchy.ts";

/** Where plain directories stand for a kernel's control groups: the files of a group are there, and nothing moves. */
export interface GroupTree {
  /**
   * Makes a group with its files. @param path `/` for the root.
   * @param given false for one that may not be divided; root may write to everything, so its files are not there at all.
   */
  group(path: string, options?: { readonly controllers?: string; readonly given?: boolean }): string;
  /** What a process in the group `own` is told. */
  source(own: string, mounts?: readonly string[]): HierarchySource;
}

export function groupTree(mount: string): GroupTree {
  return {
    group: (path, { controllers = "cpuset cpu io memory pids", given = true } = {}) => {
      const dir = join(mount, path);
      mkdirSync(dir, { recursive: true });
      const write = (name: string, text: string) => writeFileSync(join(dir, name), text);
      write("cgroup.controllers", `${controllers}\n`);
      if (given) write("cgroup.subtree_control", "");
      if (given) write("cgroup.procs", "");
      if (path !== "/") write("cgroup.events", "populated 1\nfrozen 0\n");
      return dir;
    },
    source: (own, mounts = [`30 24 0:26 / ${mount} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate`]) => ({
      mountinfo: `${["22 27 0:21 / /proc rw - proc proc rw", ...mounts].join("\n")}\n`,
      membership: `0::${own}\n`,
    }),
  };
}
