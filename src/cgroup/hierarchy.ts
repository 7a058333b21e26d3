import { accessSync, constants, existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { unescapeMount } from "../base/text.ts";

/** What this process sees of the host's control groups. */
export interface HierarchySource {
  /** The text of `/proc/self/mountinfo`. */
  readonly mountinfo: string;
  /** The text of `/proc/self/cgroup`. */
  readonly membership: string;
}

/** Where groups for machines may be made, or why nowhere. */
export type Hierarchy =
  | {
      readonly kind: "usable";
      readonly mount: Mount;
      /** Absolute: the highest group that this process may divide. */
      readonly top: string;
      /** True when this process itself has to leave `top` for a leaf first: only the root may hold processes beside groups. */
      readonly leave: boolean;
    }
  | { readonly kind: "none"; readonly reason: string };

/** Where cgroup v2 is mounted. */
export interface Mount {
  /** Absolute. */
  readonly point: string;
  /** Which group lies at the mount point, as `/proc/self/cgroup` names groups. */
  readonly root: string;
}

/**
 * Finds the highest group above this process, with no gap between, that it may divide. For root that is the root of all, as for
 * Nomad and for Docker's `cgroupfs` driver; for a systemd user's agent that user's manager.
 *
 * Never the group of the agent's own service, delegated or not: systemd puts the service's next process into that very group, and
 * the kernel refuses it (EBUSY) while controllers are handed down to the machines that ran on; what systemd can do about it is to
 * take the controllers away, and the machines' limits with them (systemd issues 24064 and 41278; so up to the newest).
 */
export function findHierarchy(source: HierarchySource): Hierarchy {
  const mount = findMount(source.mountinfo);
  if (mount === undefined) return none("cgroup v2 is not mounted");
  const own = groupOf(source.membership, mount);
  if (own === undefined) return none(`this process is in no group below ${mount.point}`);
  const top = highestDivisible(own, mount.point);
  if (top === undefined) return none(`this user may not make groups in ${own}, nothing was delegated`);
  // The root of all has no cgroup.events; the root of a container's has.
  const leave = top === own && existsSync(join(own, "cgroup.events"));
  if (leave && basename(own).endsWith(".service")) {
    return none(
      `${own} is all that may be divided, and systemd could not start the service again while machines run in it`,
    );
  }
  return { kind: "usable", mount, top, leave };
}

const none = (reason: string): Hierarchy => ({ kind: "none", reason });

/** The version of control groups that the host's controllers are with, as Nomad's `os.cgroups.version` has it. */
export function cgroupVersion(mountinfo: string): "1" | "2" | undefined {
  const types = new Set(parseMounts(mountinfo).map(({ type }) => type));
  if (types.has("cgroup")) return "1";
  return types.has("cgroup2") ? "2" : undefined;
}

/** Where control groups are mounted, as Nomad's `unique.cgroup.mountpoint` has it. */
export function cgroupMountPoint(mountinfo: string): string | undefined {
  const mounts = parseMounts(mountinfo).filter(({ type }) => type === "cgroup2" || type === "cgroup");
  // Those of cgroup v1 lie side by side in one directory, beside v2 where there is both.
  const v1 = mounts.find(({ type }) => type === "cgroup");
  return v1 === undefined ? mounts[0]?.point : dirname(v1.point);
}

/** The first mount of cgroup v2; beside cgroup v1 it often lies at `/sys/fs/cgroup/unified`. */
function findMount(mountinfo: string): Mount | undefined {
  return parseMounts(mountinfo).find(({ type }) => type === "cgroup2");
}

/** Lines of proc_pid_mountinfo(5): the root is the fourth field, the point the fifth, the type the first behind ` - `. */
function parseMounts(mountinfo: string): readonly (Mount & { readonly type: string })[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, point] = before.split(" ");
    const [type = ""] = after.split(" ");
    if (root === undefined || point === undefined) return [];
    return [{ root: unescapeMount(root), point: unescapeMount(point), type }];
  });
}

/** The group that the text of a `/proc/PID/cgroup` names, as an absolute path; undefined when it is not to be seen from here. */
export function groupOf(membership: string, { point, root }: Mount): string | undefined {
  const path = /^0::(\/.*)$/m.exec(membership)?.[1];
  // `/..` is a group outside of this process's namespace.
  if (path === undefined || path.split("/").includes("..")) return undefined;
  // Without the slash at the end that `join` leaves.
  if (root === "/") return resolve(point, `.${path}`);
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  return resolve(point, `.${path.slice(root.length)}`);
}

function highestDivisible(own: string, point: string): string | undefined {
  let top: string | undefined;
  for (let group = own; isDivisible(group); group = dirname(group)) {
    top = group;
    if (group === point) break;
  }
  return top;
}

/** What delegation hands over (cgroup-v2.rst, "Delegation"): the directory and these files. */
function isDivisible(group: string): boolean {
  return ["", "cgroup.procs", "cgroup.subtree_control"].every((name) => mayWrite(join(group, name)));
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // EACCES, EROFS, ENOENT: all mean that it is not ours to divide.
    return false;
  }
}
