import { AppError } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import type { Job } from "../job/job.ts";
import type { Node } from "../node/node.ts";
import { assertAccelerator } from "../qemu/accelerator.ts";
import { chooseEmulator } from "../qemu/emulator.ts";
import { assertOneGuestAgent } from "../qemu/guest-agent.ts";
import { assertArguments } from "../qemu/policy.ts";
import type { QemuPolicy } from "./context.ts";

/**
 * Refuses what this node cannot run or its operator does not allow before anything is fetched. What holds `${…}` is looked at
 * when it has its value.
 * @throws AppError with the task's name in its text.
 */
export function assertPlaceable(job: Job, node: Node, policy: QemuPolicy): void {
  for (const group of job.groups) {
    for (const task of group.tasks) {
      const where = `group "${group.name}", task "${task.name}"`;
      withPlace(where, () => {
        const { config } = task;
        if (!isDeferred(config.emulator)) chooseEmulator(config.emulator, node.qemu, policy.emulatorsAllowlist);
        if (!isDeferred(config.accelerator)) assertAccelerator(config, node.qemu.kvm);
        if (!config.args.some(isDeferred)) {
          assertArguments(config.args, policy.argsAllowlist);
          assertOneGuestAgent(config);
        }
      });
    }
  }
}

/** What of a job's times this agent cuts: Nomad does it in silence. */
export function cutTimes(job: Job, policy: Pick<QemuPolicy, "maxKillTimeout">): string[] {
  const most = formatDuration(policy.maxKillTimeout);
  return job.groups.flatMap((group) =>
    group.tasks
      .filter(({ kill_timeout }) => kill_timeout > policy.maxKillTimeout)
      .map(
        ({ name, kill_timeout }) =>
          `group "${group.name}", task "${name}": kill_timeout is cut from ${formatDuration(kill_timeout)} to ${most}, the agent's client.max_kill_timeout`,
      ),
  );
}

const isDeferred = (text: string): boolean => text.includes("${");

function withPlace(where: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${where}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
