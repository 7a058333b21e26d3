import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { TestAgent } from "../helpers/agent.ts";
import { type ImageAgent, jobText } from "../helpers/jobs.ts";
import { processesAt } from "../helpers/processes.ts";
import { Hopeless, until } from "../helpers/until.ts";

/** What was last acknowledged for a job; null is what nobody knows, because a command was not answered. */
export interface Wish {
  readonly run: boolean | null;
  /** Which of the job's disks its machine has. */
  readonly revision: number | null;
  /** Whether this very machine was paused or let run on by command. */
  readonly power: { readonly pid: number; readonly paused: boolean } | null;
}
export const NO_WISH: Wish = { run: null, revision: null, power: null };

export interface Machine {
  readonly alloc: string;
  readonly job: string;
  readonly kind: string;
  readonly guest: string | null;
  readonly pid: number | null;
  readonly events: readonly TaskEvent[];
}

interface TaskEvent {
  readonly Time: number;
  readonly Type: string;
  readonly DisplayMessage: string;
  readonly Details: Readonly<Record<string, string>>;
}

/** Every task of every allocation, as the API tells. */
export async function readMachines(agent: TestAgent): Promise<Machine[]> {
  const response = await agent.request("/v1/allocations");
  const list = (await response.json()) as {
    ID: string;
    JobID: string;
    TaskStates: Record<
      string,
      { Events: TaskEvent[]; Paddock: { Machine: string; Guest: string | null; Pid: number | null } }
    >;
  }[];
  return list.flatMap(({ ID, JobID, TaskStates }) =>
    Object.values(TaskStates).map(({ Paddock, Events }) => ({
      alloc: ID,
      job: JobID,
      kind: Paddock.Machine,
      guest: Paddock.Guest,
      pid: Paddock.Pid,
      events: Events,
    })),
  );
}

/** The pids of the QEMUs below a directory, without their wrappers. */
export function qemuPids(dir: string): number[] {
  return processesAt(dir)
    .filter(({ pid }) => orGone(() => readFileSync(`/proc/${pid}/comm`, "utf8"))?.startsWith("qemu-system"))
    .map(({ pid }) => pid);
}

/** The disks of chaos that a QEMU has open: the names of their files, such as `job0.1`. */
function disksOf(pid: number, images: string): Set<string> {
  const found = new Set<string>();
  for (const fd of orGone(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    const path = orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (path?.startsWith(`${images}/`)) found.add(basename(path, ".img"));
  }
  return found;
}

/** Undefined when what was looked at ended meanwhile: an ordinary user may not look at the descriptors of a process that is ending. */
function orGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as { code?: string }).code ?? "")) return undefined;
    throw error;
  }
}

export const diskName = (job: string, revision: number): string => `${job}.${revision}`;

/** The job's JSON as the CLI would send it; each revision has a disk of its own. */
export async function jobJson(agent: ImageAgent, id: string, revision: number): Promise<string> {
  const image = agent.demoDisk(`${diskName(id, revision)}.img`);
  const text = jobText({ id, image, task: 'kill_timeout = "3s"' }).replace(
    /attempts = 0\s+mode {5}= "fail"/,
    'attempts = 10000\n interval = "1h"\n delay = "50ms"\n mode = "delay"',
  );
  const result = await agent.run(["job", "run", "-output", agent.jobFile(text, `${id}.hcl`)]);
  if (result.code !== 0) throw new Error(result.stderr);
  return result.stdout;
}

/** No job may have two QEMUs at any moment, whether or not an agent runs. @throws Hopeless. */
export function expectNoTwins(agent: ImageAgent): void {
  const owners = new Map<string, number>();
  for (const pid of qemuPids(agent.dir)) {
    for (const job of new Set([...disksOf(pid, agent.images)].map((disk) => disk.slice(0, disk.lastIndexOf("."))))) {
      const other = owners.get(job);
      if (other !== undefined) throw new Hopeless(`${job} has two QEMUs: ${other} and ${pid}`);
      owners.set(job, pid);
    }
  }
}

/** Waits until every job is as it was last asked to be: one QEMU that its record names, on the right disk, or none. */
export async function expectWishes(agent: ImageAgent, wishes: ReadonlyMap<string, Wish>): Promise<void> {
  await until(
    "every job to be as it was asked to be",
    async () => {
      expectNoTwins(agent);
      const machines = await readMachines(agent);
      const alive = qemuPids(agent.dir);
      const strangers = alive.filter((pid) => !machines.some((machine) => machine.pid === pid));
      if (strangers.length > 0) throw new Error(`QEMU without an owner: ${strangers}; ${shown(machines)}`);
      for (const [job, wish] of wishes) {
        const own = machines.filter((machine) => machine.job === job);
        expectWish(agent, job, wish, own, alive);
      }
      return true;
    },
    { deadline: 30_000 },
  );
}

function expectWish(agent: ImageAgent, job: string, wish: Wish, own: readonly Machine[], alive: number[]): void {
  const live = own.filter(({ pid }) => pid !== null && alive.includes(pid));
  const [machine] = live;
  if (live.length > 1) throw new Error(`${job} has ${live.length} QEMUs: ${shown(live)}`);
  if (wish.run === true && machine === undefined) throw new Error(`${job} should run: ${shown(own)}`);
  if (wish.run === false && own.some(({ kind }) => kind !== "ended"))
    throw new Error(`${job} should be down: ${shown(own)}`);
  if (machine?.kind !== "running" || machine.pid === null) return;
  const disks = [...disksOf(machine.pid, agent.images)];
  if (wish.revision !== null && !disks.includes(diskName(job, wish.revision)))
    throw new Error(`${job} should have disk ${wish.revision} and has ${disks}`);
  if (wish.power?.pid === machine.pid && (machine.guest === "paused") !== wish.power.paused)
    throw new Error(`${job} should${wish.power.paused ? "" : " not"} be paused: ${shown(live)}`);
}

function shown(machines: readonly Machine[]): string {
  const open = machines.filter(({ kind }) => kind !== "ended");
  return JSON.stringify(open.map(({ events, ...machine }) => ({ ...machine, last: events.at(-1)?.DisplayMessage })));
}
