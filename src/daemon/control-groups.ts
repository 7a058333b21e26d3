import { relative } from "node:path";
import type { Log } from "../base/log.ts";
import { type Cgroups, openCgroups, readHierarchySource } from "../cgroup/groups.ts";
import { cgroupMountPoint, cgroupVersion } from "../cgroup/hierarchy.ts";
import { type AgentDirs, agentCgroup } from "../paths.ts";

/** What the agent can hold its machines by. */
export interface ControlGroups {
  readonly cgroups: Cgroups | null;
  /** Of the node. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Prepares the control groups of this agent's machines; where there are none, or not all, it is said here, once. */
export function findControlGroups(dirs: AgentDirs, log: Log): ControlGroups {
  const source = readHierarchySource();
  const opened = openCgroups(source, agentCgroup(dirs));
  const version = cgroupVersion(source.mountinfo);
  const point = cgroupMountPoint(source.mountinfo);
  const host: Record<string, string> = {
    ...(version === undefined ? {} : { "os.cgroups.version": version }),
    ...(point === undefined ? {} : { "unique.cgroup.mountpoint": point }),
  };
  if (opened.cgroups === null) {
    log.warn("machines run without limits of memory and processors", { reason: opened.reason });
    return { cgroups: null, attributes: host };
  }
  const { cgroups, missing } = opened;
  const controllers = cgroups.controllers.join(",");
  log.info("machines have control groups", {
    path: cgroups.home,
    controllers,
    missing: missing.join(",") || undefined,
  });
  const own = {
    "paddock.cgroup.controllers": controllers,
    "paddock.cgroup.parent": relative(point ?? "/", cgroups.home),
  };
  return { cgroups, attributes: { ...host, ...own } };
}
