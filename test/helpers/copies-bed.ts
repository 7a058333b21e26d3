import { type Allocation, isTerminal } from "../../src/allocation/allocation.ts";
import type { MachineState } from "../../src/allocation/machine.ts";
import type { Job } from "../../src/job/job.ts";
import { agentPerTest } from "./agent-per-test.ts";
import { type InProcessOptions, jobFrom } from "./in-process-agent.ts";
import { until } from "./until.ts";

export interface CopiesGroup {
  readonly count?: number;
  /** More lines of its blocks. */
  readonly group?: string;
  readonly config?: string;
  /** How its machines' disks stand to the image; an overlay unless told. */
  readonly disk?: "overlay" | "direct";
  /** MiB; 128 unless told. */
  readonly memory?: number;
}

/** The machine of a copy that runs. */
export interface Running {
  readonly id: string;
  readonly version: number;
  readonly pid: number;
}

/** An agent for each test, and jobs of several groups and copies; each machine has an overlay over one image. */
export function copiesBed(options: InProcessOptions = {}) {
  const bed = agentPerTest(options);
  const all = (): readonly Allocation[] => bed.agent.allocations({ jobId: "web" });
  const live = (): readonly Allocation[] => all().filter((one) => !isTerminal(one));
  const stateOf = ({ tasks }: Allocation): MachineState | undefined => tasks["vm"]?.machine;

  function jobOf(groups: Readonly<Record<string, CopiesGroup>>, restart = 'attempts = 0\n mode = "fail"'): Job {
    const texts = Object.entries(groups).map(
      ([name, { count = 1, group = "", config = "", disk = "overlay", memory = 128 }]) => `
group "${name}" {
  count = ${count}
  restart {
    ${restart}
  }
  ${group}
  task "vm" {
    driver = "qemu"
    config {
      image_path = "${bed.image}"
      disk       = "${disk}"
      ${config}
    }
    resources { memory = ${memory} }
  }
}`,
    );
    return jobFrom(`job "web" {\n${texts.join("\n")}\n}`);
  }

  /** Waits until these copies and no others have a machine that has answered; `a[0]` names one. */
  async function running(...names: string[]): Promise<Readonly<Record<string, Running>>> {
    return await until(
      `${names.join(", ")} to run and nothing else`,
      () => {
        const found = live().flatMap((one): [string, Running][] => {
          const machine = stateOf(one);
          if (machine?.kind !== "running" || machine.guest === "unknown")
            throw new Error(`${one.name} ${machine?.kind}`);
          const { id, jobVersion: version, name } = one;
          return [[name.slice("web.".length), { id, version, pid: machine.identity.pid }]];
        });
        const there = found.map(([name]) => name).toSorted();
        if (there.join() !== names.toSorted().join()) throw new Error(there.join());
        return Object.fromEntries(found);
      },
      { deadline: 30_000 },
    );
  }

  return {
    bed,
    all,
    live,
    stateOf,
    jobOf,
    running,
    submit: (job: Job) => bed.agent.registerJob(job, null, {}),
  };
}
