import { writeFileSync } from "node:fs";
import type { Allocation } from "../allocation/allocation.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Cgroups, MachineGroup } from "../cgroup/groups.ts";
import { machineCgroup } from "../paths.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import type { Desk } from "./desk.ts";
import type { Hands } from "./hands.ts";
import type { MachinePlace } from "./machine-place.ts";

interface CgroupContext {
  readonly cgroups: Cgroups | null;
}

/** Makes the control group of a start. What cannot be limited is told in an event and costs no machine. */
export function openGroup(desk: Desk, generation: number, { limits }: LaunchPlan): MachineGroup | null {
  const { cgroups } = desk.context;
  if (cgroups === null || limits === undefined) return null;
  try {
    const group = cgroups.create(groupName(desk.place(generation)), limits);
    desk.hands.group = group.path;
    for (const problem of group.problems) warn(desk, `a limit of the machine is not in force: ${problem}`);
    return group;
  } catch (error) {
    warn(desk, `the machine runs without limits: ${errorText(error)}`);
    return null;
  }
}

/**
 * Makes sure that QEMU is where its wrapper should have taken it: Linux before 5.16 asks whether the wrapper may do that and not
 * whether the agent might, who opened the group for it.
 */
export function assertInGroup(desk: Desk, path: string, pid: number): void {
  try {
    desk.context.cgroups?.attach(path, pid);
  } catch (error) {
    warn(desk, `the machine runs without limits: ${errorText(error)}`);
  }
}

/** What the kernel never kills for want of memory (proc_pid_oom_score_adj(5)). */
const NEVER = "-1000";

/**
 * Keeps the kernel from ending a wrapper when memory is short: it frees nothing, and is what tells how QEMU ended. It must be done
 * from outside, after QEMU was made, which would have it too. Only root may do so; elsewhere the wrapper is what it is.
 * @param pid of a child of ours that was not reaped.
 */
export function spareWrapper(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, NEVER);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

function warn(desk: Desk, message: string): void {
  desk.context.log.warn(message, { task: desk.task });
  desk.report({ type: "Driver", time: desk.context.clock.now(), message, details: {}, failsTask: false });
}

/** The control group of a start that this agent did not make, or of one whose process is gone (`pid` null). */
export function locateGroup({ cgroups }: CgroupContext, place: MachinePlace, pid: number | null): string | null {
  return cgroups?.locate(groupName(place), pid) ?? null;
}

/** Removes the control group of a machine that has ended; in the background, for its wrapper may still be there. */
export function removeGroup(context: CgroupContext & { readonly log: Log }, hands: Hands, place: MachinePlace): void {
  const path = hands.group ?? locateGroup(context, place, null);
  hands.group = null;
  if (path === null) return;
  void context.cgroups?.remove(path).then((gone) => {
    if (!gone) context.log.warn("a machine's control group is not empty after its end", { path });
  });
}

/** Removes the control groups of machines of before; what still holds a process is left alone and told. */
export function sweepGroups(cgroups: Cgroups | null, live: readonly Allocation[], log: Log): void {
  const known = live.flatMap((allocation) =>
    Object.entries(allocation.tasks).flatMap(([task, { machine }]) =>
      machine.kind === "pending" ? [] : [machineCgroup(allocation.id, task, machine.generation)],
    ),
  );
  for (const path of cgroups?.sweep(new Set(known)) ?? []) {
    log.warn("a control group that belongs to no record holds processes", { path });
  }
}

const groupName = (place: MachinePlace): string => machineCgroup(place.allocationId, place.task, place.generation);
