import type { QemuConfig } from "../../job/job.ts";
import type { MachineUser } from "../../node/users.ts";
import type { MachineFiles, MachineSockets, TaskDirs } from "../../paths.ts";
import { chooseEmulator } from "../../qemu/emulator.ts";
import type { Forward, LaunchPlan } from "../../qemu/launch.ts";
import { hostOf, limitsOf } from "../../qemu/limits.ts";
import { dnsOf } from "../../qemu/network.ts";
import { type LaunchImage, planLaunch } from "../../qemu/plan.ts";
import type { AgentContext } from "../context.ts";
import { interpolateDns, type Subject } from "./subject.ts";

/** What a command line follows from besides the job and the node. */
export interface CommandLineInput {
  /** After interpolation. */
  readonly config: QemuConfig;
  readonly image: LaunchImage;
  readonly forwards: readonly Forward[];
  readonly user: MachineUser | null;
  readonly place: MachinePaths;
}

/** Where a machine's files lie. */
export interface MachinePaths {
  readonly dirs: Pick<TaskDirs, "task" | "tmp">;
  readonly sockets: MachineSockets;
  readonly files: Pick<MachineFiles, "journalPrefix">;
  /** The file of the serial log. */
  readonly stdout: string;
}

/** The command line of a task's machine with its limits; opens nothing. @throws AppError as `planLaunch` and `chooseEmulator` do. */
export function commandLineOf(
  context: Pick<AgentContext, "node" | "policy">,
  { group, task, cores, env }: Subject,
  { config, image, forwards, user, place }: CommandLineInput,
): LaunchPlan {
  const { qemu, attributes } = context.node();
  const plan = planLaunch({
    config,
    resources: task.resources,
    image,
    emulator: chooseEmulator(config.emulator, qemu, context.policy.emulatorsAllowlist),
    kvm: qemu.kvm,
    forwards,
    dns: interpolateDns(dnsOf(task.resources.networks, group.networks), env, context.node()),
    sockets: place.sockets,
    journalPrefix: place.files.journalPrefix,
    serialLog: task.logs.disabled ? null : place.stdout,
    cwd: place.dirs.task,
    tmp: place.dirs.tmp,
    user,
    args_allowlist: context.policy.argsAllowlist,
  });
  const argv = plan.argv.map(({ word }) => word);
  return { ...plan, limits: limitsOf({ argv, resources: task.resources, cores, host: hostOf(attributes) }) };
}
