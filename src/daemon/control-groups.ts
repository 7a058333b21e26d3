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
  const host = describeHierarchy(source);
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
    "paddock.cgroup.parent": relative(host["unique.cgroup.mountpoint"] ?? "/", cgroups.home),
  };
  return { cgroups, attributes: { ...host, ...own } };
}

/** What the host has of control groups, as attributes of the node. */
export function describeHierarchy({ mountinfo }: ReturnType<typeof readHierarchySource>): Record<string, string> {
  const version = cgroupVersion(mountinfo);
  const point = cgroupMountPoint(mountinfo);
  return {
    ...(version === undefined ? {} : { "os.cgroups.version": version }),
    ...(point === undefined ? {} : { "unique.cgroup.mountpoint": point }),
  };
}
