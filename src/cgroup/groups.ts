import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { delay } from "../base/clock.ts";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import { isMachineCgroupName } from "../paths.ts";
import { findHierarchy, groupOf, type HierarchySource, type Mount } from "./hierarchy.ts";
import { CONTROLLERS, type Controller, controlFiles, type MachineLimits } from "./limits.ts";
import { readControl } from "./numbers.ts";

/** The group of one start of a machine, before anything is in it. */
export interface MachineGroup {
  /** Absolute. */
  readonly path: string;
  /** Open for writing: who writes `0` into it goes into the group. The holder closes it. */
  readonly procsFd: number;
  /** Limits that the kernel did not take, in words; empty when it took all. */
  readonly problems: readonly string[];
}

/** The control groups of an agent's machines. */
export interface Cgroups {
  /** Absolute: the group that holds those of the machines. */
  readonly home: string;
  /** What machines can be held by here. */
  readonly controllers: readonly Controller[];
  /**
   * Makes a group with its limits. @param name from `machineCgroup`.
   * @throws AppError `internal` when there can be none.
   */
  create(name: string, limits: MachineLimits): MachineGroup;
  /**
   * The group of a machine that an agent of before started, perhaps from another place in the hierarchy.
   * @param pid of its QEMU; null when that is gone.
   */
  locate(name: string, pid: number | null): string | null;
  /** Puts a process into a group. @throws AppError `internal` when the kernel refuses. */
  attach(path: string, pid: number): void;
  /** Removes a group once its last process is gone; resolves to false when that did not come. Never rejects. */
  remove(path: string): Promise<boolean>;
  /** Removes the groups of no machine that is known; resolves to those that hold processes. @param known names. */
  sweep(known: ReadonlySet<string>): readonly string[];
  /** Lets go of the agent's group; it stays while there are machines in it. */
  close(): void;
}

export type OpenedCgroups =
  | { readonly cgroups: Cgroups; readonly missing: readonly string[] }
  | { readonly cgroups: null; readonly reason: string };

/** What the kernel tells this process of its own place. */
export function readHierarchySource(): HierarchySource {
  const read = (path: string): string => readControl(path) ?? "";
  return { mountinfo: read("/proc/self/mountinfo"), membership: read("/proc/self/cgroup") };
}

/**
 * Prepares the group below which machines get theirs, or says why this host gives none; nothing is left behind then.
 * @param name from `agentCgroup`.
 */
export function openCgroups(source: HierarchySource, name: string): OpenedCgroups {
  const found = findHierarchy(source);
  if (found.kind === "none") return { cgroups: null, reason: found.reason };
  const offered = wordsOf(join(found.top, "cgroup.controllers"));
  if (!CONTROLLERS.some((controller) => offered.includes(controller))) {
    return { cgroups: null, reason: `cgroup v2 at ${found.top} has none of the controllers ${CONTROLLERS.join(", ")}` };
  }
  const home = join(found.top, name);
  try {
    if (found.leave) leaveFor(join(found.top, "agent"));
    const wanted = CONTROLLERS.filter((controller) => offered.includes(controller));
    const handedDown = handDown(found.top, wanted);
    if (handedDown.length === 0) {
      return {
        cgroups: null,
        reason: `no controller can be handed down from ${found.top}; other processes may be in it`,
      };
    }
    mkdirSync(home, { recursive: true, mode: 0o755 });
    const controllers = handDown(home, handedDown);
    const missing = CONTROLLERS.filter((controller) => !controllers.includes(controller));
    return { cgroups: new Groups(home, found.mount, controllers), missing };
  } catch (error) {
    return { cgroups: null, reason: `no groups can be made in ${found.top}: ${errorText(error)}` };
  }
}

/** A group that hands controllers down may hold no process of its own ("no internal process constraint"). */
function leaveFor(leaf: string): void {
  mkdirSync(leaf, { recursive: true, mode: 0o755 });
  writeFileSync(join(leaf, "cgroup.procs"), "0");
}

/** Hands controllers to the groups below; those that the kernel gives, each asked for alone. */
function handDown(group: string, wanted: readonly Controller[]): readonly Controller[] {
  const control = join(group, "cgroup.subtree_control");
  return wanted.filter((controller) => {
    try {
      // A write to one that is handed down already changes nothing.
      writeFileSync(control, `+${controller}`);
      return true;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  });
}

const wordsOf = (path: string): readonly string[] => (readControl(path) ?? "").trim().split(/\s+/);

/** How long the last process of a group may take to be gone after its machine's end was seen, in milliseconds. */
const REMOVE_PATIENCE = 2_000;

class Groups implements Cgroups {
  readonly controllers: readonly Controller[];
  readonly home: string;
  readonly #mount: Mount;

  constructor(home: string, mount: Mount, controllers: readonly Controller[]) {
    this.home = home;
    this.#mount = mount;
    this.controllers = controllers;
  }

  create(name: string, limits: MachineLimits): MachineGroup {
    const path = join(this.home, name);
    try {
      // One of a start that came to nothing has counted things that are not this machine's.
      if (existsSync(path)) rmdirSync(path);
      mkdirSync(path, { recursive: true, mode: 0o755 });
      const problems = this.#limit(path, limits);
      return { path, procsFd: openSync(join(path, "cgroup.procs"), "w"), problems };
    } catch (error) {
      throw new AppError("internal", `no control group: ${errorText(error)}`, { cause: error });
    }
  }

  #limit(path: string, limits: MachineLimits): readonly string[] {
    return controlFiles(limits).flatMap(({ controller, file, value }) => {
      if (!this.controllers.includes(controller)) return [];
      try {
        writeFileSync(join(path, file), value);
        return [];
      } catch (error) {
        return [`${file} = ${value} was not taken: ${errnoOf(error) ?? errorText(error)}`];
      }
    });
  }

  locate(name: string, pid: number | null): string | null {
    const path = join(this.home, name);
    if (existsSync(path)) return path;
    const named = pid === null ? undefined : groupOf(readControl(`/proc/${pid}/cgroup`) ?? "", this.#mount);
    return named !== undefined && basename(named) === name ? named : null;
  }

  attach(path: string, pid: number): void {
    const procs = join(path, "cgroup.procs");
    const isIn = (): boolean => readFileSync(procs, "utf8").split("\n").includes(String(pid));
    try {
      if (!isIn()) writeFileSync(procs, String(pid));
    } catch (error) {
      if (errnoOf(error) === "ESRCH") return;
      throw new AppError("internal", `cannot put QEMU into ${path}: ${errnoOf(error) ?? errorText(error)}`);
    }
  }

  async remove(path: string): Promise<boolean> {
    for (let waited = 0, pause = 1; waited <= REMOVE_PATIENCE; waited += pause, pause = Math.min(pause * 2, 200)) {
      if (removeEmpty(path)) return true;
      await delay(pause);
    }
    return false;
  }

  sweep(known: ReadonlySet<string>): readonly string[] {
    return readdirSync(this.home)
      .filter((name) => isMachineCgroupName(name) && !known.has(name))
      .map((name) => join(this.home, name))
      .filter((path) => !removeEmpty(path));
  }

  close(): void {
    removeEmpty(this.home);
  }
}

/** True when it is gone. The kernel removes no group that has processes or groups in it. */
function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
}

/** Closes what `create` opened; the group stays. */
export function closeGroup(group: MachineGroup): void {
  closeSync(group.procsFd);
}
