import { expect } from "bun:test";
import type { Allocation } from "../../src/allocation/allocation.ts";
import type { Ending } from "../../src/allocation/ending.ts";
import type { MachineState } from "../../src/allocation/machine.ts";
import type { Job } from "../../src/job/job.ts";
import { agentPerTest } from "./agent-per-test.ts";
import { type InProcessOptions, jobFrom } from "./in-process-agent.ts";
import { Hopeless, patiently } from "./until.ts";

export interface SiblingTask {
  /** More lines of its blocks. */
  readonly task?: string;
  readonly config?: string;
}

export interface SiblingGroup {
  readonly type?: "service" | "batch";
  readonly count?: number;
  readonly group?: string;
  /** Lines of the `restart` block; no restart unless told. */
  readonly restart?: string;
}

/** An agent for each test, and jobs of one group with several tasks; each machine has an overlay over one image. */
export function siblingsBed(options: InProcessOptions = {}) {
  const bed = agentPerTest(options);

  function jobOf(tasks: Readonly<Record<string, SiblingTask>>, more: SiblingGroup = {}): Job {
    const { type = "service", count = 1, group = "", restart = 'attempts = 0\n mode = "fail"' } = more;
    const texts = Object.entries(tasks).map(
      ([name, { task = "", config = "" }]) => `
    task "${name}" {
      driver       = "qemu"
      kill_timeout = "3s"
      config {
        image_path        = "${bed.image}"
        ${config.includes("disk ") ? "" : 'disk = "overlay"'}
        graceful_shutdown = true
        ${config}
      }
      resources { memory = 128 }
      ${task}
    }`,
    );
    return jobFrom(
      `job "shop" {\n type = "${type}"\n group "g" {\n count = ${count}\n restart {\n ${restart}\n }\n ${group}\n ${texts.join("\n")}\n }\n}`,
    );
  }

  const all = (): readonly Allocation[] => bed.agent.allocations({ jobId: "shop" });
  /** The newest allocation of a copy. */
  const copy = (index = 0): Allocation => {
    const found = all().findLast((one) => one.index === index);
    if (found === undefined) throw new Error(`copy ${index} is not placed`);
    return found;
  };
  const machine = (task: string, index = 0): MachineState | undefined => copy(index).tasks[task]?.machine;
  const events = (task: string, index = 0): string[] =>
    copy(index).tasks[task]?.events.map(({ type, message }) => `${type}: ${message}`) ?? [];

  /** Waits until machines of a copy run, and QEMU says so. @returns their processes. */
  async function running(tasks: readonly string[], index = 0): Promise<Readonly<Record<string, number>>> {
    return await patiently(`${tasks.join(" and ")} to run`, () =>
      Object.fromEntries(
        tasks.map((task) => {
          const found = machine(task, index);
          if (found?.kind === "ended") throw new Hopeless(JSON.stringify(found.ending));
          if (found?.kind !== "running" || found.guest !== "running") throw new Error(JSON.stringify(found));
          return [task, found.identity.pid];
        }),
      ),
    );
  }

  /** Waits until a machine runs in another process than this. @returns the other one. */
  async function anew(task: string, pid: number, index = 0): Promise<number> {
    return await patiently(`${task} to run again`, () => {
      const found = machine(task, index);
      if (found?.kind === "ended") throw new Hopeless(JSON.stringify(found.ending));
      return found?.kind === "running" && found.guest === "running" && found.identity.pid !== pid && found.identity.pid;
    });
  }

  async function ended(task: string, index = 0): Promise<Ending> {
    const found = await patiently(`${task} to end`, () => {
      const now = machine(task, index);
      return now?.kind === "ended" && now;
    });
    return found.ending;
  }

  /** Waits until the demo guest of a task has spoken, and so hears its power button. */
  async function spoken(task: string, index = 0): Promise<void> {
    await patiently(`the banner of ${task}`, async () => (await console(task, index)).includes("DEMO GUEST"));
  }

  async function console(task: string, index = 0): Promise<string> {
    let text = "";
    const signal = new AbortController().signal;
    const wanted = { type: "stdout", follow: false, origin: "start", offset: 0, signal } as const;
    for await (const { data } of bed.agent.readLog(copy(index).id, task, wanted)) text += Buffer.from(data).toString();
    return text;
  }

  /** Has the guest of a task power itself off: a press that comes before it listens is lost. */
  async function powerOff(task: string, index = 0): Promise<void> {
    await spoken(task, index);
    const { id } = copy(index);
    await patiently(
      `${task} to hear its button`,
      async () => {
        if (machine(task, index)?.kind !== "running") return true;
        await bed.agent.powerMachine(id, task, "press");
        return false;
      },
      250,
    );
  }

  /** That a machine was stopped for a reason, and did not fail. */
  async function expectStopped(task: string, cause: string, index = 0): Promise<void> {
    expect(await ended(task, index)).toMatchObject({ failed: false, stop: { order: { cause } } });
  }

  return {
    bed,
    jobOf,
    all,
    copy,
    machine,
    events,
    running,
    anew,
    ended,
    console,
    spoken,
    powerOff,
    expectStopped,
    submit: (job: Job) => bed.agent.registerJob(job, null, {}),
  };
}
