import type { Diagnostic } from "../../src/hcl/diagnostic.ts";
import { createReporter } from "../../src/hcl/places.ts";
import type { Group, Job, Network, Port, QemuConfig, Task } from "../../src/job/job.ts";
import { loadJob } from "../../src/job/load.ts";
import { validateJob } from "../../src/job/validate/job.ts";

/** A job with nothing in it but what is needed. */
export const PLAIN = loadJob(
  "plain.hcl",
  'job "plain" {\n  task "vm" {\n    driver = "qemu"\n    config {\n      image_path = "local/a.img"\n    }\n  }\n}',
).job as Job;
export const GROUP = PLAIN.groups[0] as Group;
export const TASK = GROUP.tasks[0] as Task;

/** What validation says of a job; its errors unless told. */
export function problems(job: Job, severity: Diagnostic["severity"] = "error"): string[] {
  const diagnostics: Diagnostic[] = [];
  validateJob(job, createReporter(new Map(), diagnostics));
  return diagnostics.filter((found) => found.severity === severity).map(({ message }) => message);
}

export const withGroup = (change: Partial<Group>): Job => ({ ...PLAIN, groups: [{ ...GROUP, ...change }] });
export const withTask = (change: Partial<Task>): Job => withGroup({ tasks: [{ ...TASK, ...change }] });
export const withConfig = (change: Partial<QemuConfig>): Job => withTask({ config: { ...TASK.config, ...change } });
export const withResources = (change: Partial<Task["resources"]>): Job =>
  withTask({ resources: { ...TASK.resources, ...change } });

export const NETWORK: Network = { mode: "", hostname: "", dns: { servers: [], searches: [], options: [] }, ports: [] };
export const withNetwork = (change: Partial<Network>): Job => withGroup({ networks: [{ ...NETWORK, ...change }] });
export const port = (label: string, change: Partial<Port> = {}): Port => ({
  label,
  static: 0,
  to: 0,
  host_network: "default",
  ...change,
});
