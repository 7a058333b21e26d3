import { formatDuration, SECOND } from "../../base/units.ts";
import type { Reporter } from "../../hcl/places.ts";
import { isBatch } from "../is-batch.ts";
import type { Group, Job, RestartPolicy } from "../job.ts";
import { checkConditions, checkConstraints } from "./constraint.ts";
import { checkJobId, checkName, checkNamesDiffer } from "./names.ts";
import { checkNetworks } from "./network.ts";
import { checkServices } from "./service.ts";
import { checkSiblings, MOST_MACHINES } from "./siblings.ts";
import { checkTask } from "./task.ts";

/** Nomad's `RestartPolicyMinInterval`. */
const SHORTEST_INTERVAL = 5 * SECOND;

/**
 * Checks what the description of a job cannot say by itself: Nomad's rules (NOMAD.md chapters 1 to 4), what is safe to hand to QEMU
 * (SAFETY.md), and what is not supported yet. Looks at nothing but the job.
 * @param report takes what is wrong, by paths that begin at the job.
 */
export function validateJob(job: Job, report: Reporter): void {
  checkJobId(report, job.id);
  checkName(report, "name", job.name);
  job.datacenters.forEach((name, index) => {
    if (name === "") report.must(`datacenters[${index}]`, "be set", 'use "*" for any datacenter');
  });
  if (job.datacenters.length === 0) report.must("datacenters", "name a datacenter", 'use ["*"] for any datacenter');
  warnOfOneHost(job, report);
  checkConstraints(job.constraints, report, "job");
  checkConditions(job, report);
  checkGroups(job, report);
}

function warnOfOneHost(job: Job, report: Reporter): void {
  if (job.region !== "global") report.warn("region", `region ${quote(job.region)} has no effect: there is one host`);
  if (job.namespace !== "default") {
    report.warn("namespace", `namespace ${quote(job.namespace)} has no effect: there is one namespace`);
  }
}

function checkGroups(job: Job, report: Reporter): void {
  if (job.groups.length === 0)
    report.error("groups", "a job needs a group", 'write group "name" { task "name" { … } }');
  checkNamesDiffer(report, "groups", job.groups);
  job.groups.forEach((group, index) => {
    const path = `groups[${index}]`;
    checkGroup(group, report.at(path));
    checkRunDuration(job, group, report.at(path));
    if (isBatch(job) && group.update !== undefined) {
      report.warn(`${path}.update`, "update has no effect in a batch job: all of its machines are replaced at once");
    }
    if (job.type === "system" && group.count > 1) {
      report.must(`${path}.count`, `be 0 or 1 in a job of type system, found ${group.count}`);
    }
  });
  const machines = job.groups.map(({ count, tasks }) => count * Math.max(1, tasks.length));
  const all = machines.reduce((sum, count) => sum + count, 0);
  const largest = machines.indexOf(Math.max(...machines));
  if (all > MOST_MACHINES) {
    report.must(
      `groups[${largest}].count`,
      `leave the job with ${MOST_MACHINES} machines at most, found ${all} in all`,
    );
  }
}

function checkGroup(group: Group, report: Reporter): void {
  checkName(report, "name", group.name);
  checkRestart(group.restart, report, "restart");
  checkConstraints(group.constraints, report, "group");
  checkNetworks(group, report);
  if (group.ephemeral_disk.migrate) {
    report.warn("ephemeral_disk.migrate", "migrate has no effect: there is no other host to bring a disk from");
  }
  checkTasks(group, report);
  checkServices(group, report);
}

/** Nomad bounds only what ends by itself. */
function checkRunDuration(job: Job, { max_run_duration: most }: Group, report: Reporter): void {
  if (most === undefined) return;
  if (!isBatch(job)) {
    const hint = 'use type = "batch", or paddock job stop from a systemd timer';
    report.error("max_run_duration", `max_run_duration is for jobs of type batch, found ${job.type}`, hint);
  } else if (most === 0) report.must("max_run_duration", "be more than 0");
}

function checkTasks(group: Group, report: Reporter): void {
  if (group.tasks.length === 0)
    report.error("tasks", "a group needs a task", 'write task "name" { driver = "qemu" … }');
  checkNamesDiffer(report, "tasks", group.tasks);
  checkSiblings(group, report);
  group.tasks.forEach((task, index) => {
    const path = `tasks[${index}]`;
    checkTask(task, group, report.at(path));
    // What a task takes from its group was checked there.
    if (JSON.stringify(task.restart) !== JSON.stringify(group.restart)) {
      checkRestart(task.restart, report.at(path), "restart");
    }
  });
}

/** Nomad's rules for a restart policy (RestartPolicy.Validate). */
function checkRestart(policy: RestartPolicy, report: Reporter, path: string): void {
  const { attempts, interval, delay, mode } = policy;
  if (attempts === 0) {
    if (mode !== "fail") {
      report.must(
        `${path}.mode`,
        'be "fail" when attempts is 0',
        'use mode = "fail" for a task that is never restarted',
      );
    }
    return;
  }
  if (interval < SHORTEST_INTERVAL) {
    report.must(`${path}.interval`, `be 5s or more, found ${formatDuration(interval)}`);
  } else if (attempts * delay > interval) {
    const needed = formatDuration(attempts * delay);
    const expectation = `be ${needed} or more, which ${attempts} attempts with a delay of ${formatDuration(delay)} take`;
    report.must(`${path}.interval`, `${expectation}, found ${formatDuration(interval)}`);
  }
}

function quote(text: string | undefined): string {
  return JSON.stringify(text ?? "");
}
