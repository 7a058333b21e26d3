import { AppError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { checkConstraints, type Verdict } from "../../constraint/check.ts";
import { isTemplate } from "../../hcl/syntax/embedded.ts";
import type { Job } from "../../job/job.ts";
import { groupPlace, taskPlace } from "../../job/place-text.ts";
import type { Node } from "../../node/node.ts";
import { assertPorts, portsOf } from "../../placement/ports.ts";
import { assertAccelerator } from "../../qemu/accelerator.ts";
import { chooseEmulator } from "../../qemu/emulator.ts";
import { assertOneGuestAgent } from "../../qemu/guest-agent.ts";
import { assertArguments } from "../../qemu/policy.ts";
import type { AgentContext, QemuPolicy } from "../context.ts";
import { assertPortOpen } from "../start/reach.ts";

/** @throws AppError `unplaceable` that lists everything of the job that this node does not have. */
export function checkPlacement(context: Pick<AgentContext, "node" | "policy" | "users">, job: Job): readonly Verdict[] {
  const node = context.node();
  const verdicts = checkConstraints(job, node);
  const failing = verdicts.filter((verdict) => !verdict.ok);
  if (failing.length > 0) {
    const lines = failing.map((verdict) => `  ${verdict.where}: ${verdict.text}`);
    throw new AppError("unplaceable", `job "${job.id}" does not fit this node:\n${lines.join("\n")}`, {
      hint: "paddock node status shows the node's attributes",
    });
  }
  assertPlaceable(job, node, context.policy);
  if (context.users !== null) {
    for (const port of job.groups.flatMap(portsOf)) if (port.static > 0) assertPortOpen(port.static, port.label);
  }
  return verdicts;
}

/** What is worth knowing of a job that fits. */
export function warningsOf(
  context: Pick<AgentContext, "policy">,
  job: Job,
  verdicts: readonly Verdict[],
): readonly string[] {
  return [...notesOf(verdicts), ...cutTimes(job, context.policy)];
}

/** What is worth knowing of constraints that hold: an alias, another answer in Nomad. */
function notesOf(verdicts: readonly Verdict[]): string[] {
  return verdicts.flatMap(({ ok, note, where }) => (ok && note !== undefined ? [`${where}: ${note}`] : []));
}

/** Only what a job says of KVM, and of what an emulator was built with, hangs on facts that take long to find. */
export async function knowWhatMatters(context: Pick<AgentContext, "nodeComplete">, job: Job): Promise<void> {
  if (/kvm|driver\.qemu\.emulator\./.test(JSON.stringify(job))) await context.nodeComplete;
}

/**
 * Refuses what this node cannot run or its operator does not allow before anything is fetched. What holds `${…}` is looked at
 * when it has its value.
 * @throws AppError with the task's name in its text.
 */
function assertPlaceable(job: Job, node: Node, policy: QemuPolicy): void {
  for (const group of job.groups) {
    withPlace(groupPlace(group), () => assertPorts(group, node.capacity));
    for (const task of group.tasks) {
      const where = taskPlace(group, task);
      withPlace(where, () => {
        const { config } = task;
        if (!isTemplate(config.emulator)) chooseEmulator(config.emulator, node.qemu, policy.emulatorsAllowlist);
        if (!isTemplate(config.accelerator)) assertAccelerator(config, node.qemu.kvm);
        if (!config.args.some(isTemplate)) {
          assertArguments(config.args, policy.argsAllowlist);
          assertOneGuestAgent(config);
        }
      });
    }
  }
}

/** What of a job's times this agent cuts: Nomad does it in silence. */
function cutTimes(job: Job, policy: Pick<QemuPolicy, "maxKillTimeout">): string[] {
  const most = formatDuration(policy.maxKillTimeout);
  return job.groups.flatMap((group) =>
    group.tasks
      .filter(({ kill_timeout }) => kill_timeout > policy.maxKillTimeout)
      .map(
        (task) =>
          `${taskPlace(group, task)}: kill_timeout is cut from ${formatDuration(task.kill_timeout)} to ${most}, the agent's client.max_kill_timeout`,
      ),
  );
}

function withPlace(where: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${where}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
