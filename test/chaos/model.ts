import { readFileSync } from "node:fs";
import type { TestAgent } from "../helpers/agent.ts";
import { type ImageAgent, jobText } from "../helpers/jobs.ts";
import { processesAt } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

/** What was last acknowledged for a job, or null while nobody knows whether a command was heard. */
export type Wish = "run" | "stop" | null;

interface Machine {
  readonly alloc: string;
  readonly job: string;
  readonly kind: string;
  readonly pid: number | null;
}

/** Every task of every allocation, as the API tells. */
export async function readMachines(agent: TestAgent): Promise<Machine[]> {
  const response = await agent.request("/v1/allocations");
  const list = (await response.json()) as {
    ID: string;
    JobID: string;
    TaskStates: Record<string, { Paddock: { Machine: string; Pid: number | null } }>;
  }[];
  return list.flatMap(({ ID, JobID, TaskStates }) =>
    Object.values(TaskStates).map(({ Paddock }) => ({
      alloc: ID,
      job: JobID,
      kind: Paddock.Machine,
      pid: Paddock.Pid,
    })),
  );
}

/** The pids of the QEMUs below a directory, without their wrappers. */
export function qemuPids(dir: string): number[] {
  return processesAt(dir)
    .filter(({ pid }) => isQemu(pid))
    .map(({ pid }) => pid);
}

function isQemu(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("qemu-system");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as { code?: string }).code ?? "")) return false;
    throw error;
  }
}

/** Sends a command and says whether it was acknowledged. */
export async function command(agent: TestAgent, target: string, init: RequestInit): Promise<boolean> {
  try {
    const response = await agent.request(target, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method} ${target}: ${response.status} ${text}`);
    return true;
  } catch (error) {
    // The agent was killed under the request.
    if (/socket|connect|closed|ENOENT|ECONN/i.test(String(error))) return false;
    throw error;
  }
}

/** The job's JSON as the CLI would send it. */
export async function jobJson(agent: ImageAgent, id: string, revision: number): Promise<string> {
  const text = jobText({
    id,
    image: agent.demoDisk(`${id}.img`),
    task: `kill_timeout = "3s"\n env {\n REVISION = "${revision}"\n }`,
  }).replace(/attempts = 0\s+mode {5}= "fail"/, 'attempts = 1000\n interval = "1h"\n delay = "50ms"\n mode = "delay"');
  const result = await agent.run(["job", "run", "-output", agent.jobFile(text, `${id}.hcl`)]);
  if (result.code !== 0) throw new Error(result.stderr);
  return result.stdout;
}

/** Waits until every job is as it was last asked to be: one QEMU that its record names, or none. */
export async function expectWishes(agent: TestAgent, wishes: ReadonlyMap<string, Wish>): Promise<void> {
  await until(
    "every job to be as it was asked to be",
    async () => {
      const machines = await readMachines(agent);
      const alive = qemuPids(agent.dir);
      const owned = machines.flatMap(({ pid }) => (pid === null ? [] : [pid]));
      const strangers = alive.filter((pid) => !owned.includes(pid));
      if (strangers.length > 0)
        throw new Error(
          `QEMU without an owner: ${strangers}; ${JSON.stringify(machines.filter(({ kind }) => kind !== "ended"))}`,
        );
      for (const [job, wish] of wishes) {
        const own = machines.filter((machine) => machine.job === job);
        const pids = own.flatMap(({ pid }) => (pid !== null && alive.includes(pid) ? [pid] : []));
        if (pids.length > 1) throw new Error(`${job} has ${pids.length} QEMUs: ${pids}`);
        if (wish === "run" && pids.length !== 1) throw new Error(`${job} should run: ${JSON.stringify(own.at(-1))}`);
        if (wish === "stop" && own.some(({ kind }) => kind !== "ended"))
          throw new Error(`${job} should be down: ${JSON.stringify(own)}`);
      }
      return true;
    },
    { deadline: 30_000 },
  );
}

/** Numbers from a seed, the same every time (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
