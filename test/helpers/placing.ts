import type { Job, Resources } from "../../src/job/job.ts";
import type { Capacity } from "../../src/node/node.ts";
import { agentPerTest } from "./agent-per-test.ts";
import { type DemoJob, demoJob, writeDemoDisk } from "./in-process-agent.ts";

/** Room for two machines of 128 MiB and not for three. */
export const SMALL = { total: { cpu: 4000, cores: 2, memory: 300, disk: 10_000 } } satisfies Partial<Capacity>;

/** What tests of the room on a host do: an agent with little of it for each test, and jobs. */
export function placing() {
  const bed = agentPerTest({ capacity: SMALL });
  const allocationsOf = (jobId: string) => bed.agent.allocations({ jobId });

  /** A job with a disk of its own. */
  function jobOf(id: string, resources: Partial<Resources> = {}, more: DemoJob = {}): Job {
    const job = demoJob(writeDemoDisk(bed.dir.path, `${id}.img`), { id, ...more });
    const groups = job.groups.map((group) => ({
      ...group,
      tasks: group.tasks.map((task) => ({ ...task, resources: { ...task.resources, ...resources } })),
    }));
    return { ...job, groups };
  }

  return {
    bed,
    allocationsOf,
    jobOf,
    submit: (job: Job) => bed.agent.registerJob(job, null, {}),
    stop: (id: string) => bed.agent.deregisterJob(id, { purge: false }),
    restart: (capacity: Partial<Capacity> = SMALL, meanwhile?: () => unknown) => bed.restart(meanwhile, { capacity }),
    /** Why the evaluations that wait do so. */
    reasonsOf: (jobId: string) =>
      bed.agent
        .evaluations({ jobId })
        .filter(({ status }) => status === "blocked")
        .flatMap(({ failures = [] }) => failures)
        .flatMap(({ shortages, filtered }) => [...shortages.map(({ text }) => text), ...filtered]),
    waitsNow: (jobId: string) => bed.agent.job(jobId).waiting !== undefined,
  };
}
