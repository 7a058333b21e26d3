import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { TestAgent } from "../helpers/agent.ts";
import { type ImageAgent, jobText } from "../helpers/jobs.ts";
import { processesAt } from "../helpers/processes.ts";
import { Hopeless, until } from "../helpers/until.ts";

/** What was last acknowledged for a job; null is what nobody knows, because a command was not answered. */
export interface Wish {
  readonly run: boolean | null;
  /** Which of the job's disks its machines have, and how many there are. */
  readonly revision: number | null;
  /** Whether this very machine was paused or let run on by command. */
  readonly power: { readonly pid: number; readonly paused: boolean } | null;
}
export const NO_WISH: Wish = { run: null, revision: null, power: null };

export interface Machine {
  readonly alloc: string;
  readonly job: string;
  /** Which copy of its job it is: `job0.g[1]`. */
  readonly name: string;
  readonly task: string;
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
    Name: string;
    TaskStates: Record<
      string,
      { Events: TaskEvent[]; Paddock: { Machine: string; Guest: string | null; Pid: number | null } }
    >;
  }[];
  return list.flatMap(({ ID, JobID, Name, TaskStates }) =>
    Object.entries(TaskStates).map(([task, { Paddock, Events }]) => ({
      alloc: ID,
      job: JobID,
      name: Name,
      task,
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

/** The disks of chaos that a QEMU has open: the names of their files, such as `job0-2.1`. */
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

/** The second job has two machines in its group. */
const tasksOf = (job: string): readonly string[] => (job === "job1" ? ["vm", "side"] : ["vm"]);

const diskName = (job: string, index: number | string, revision: number, task = "vm"): string =>
  `${job}-${index}${task === "vm" ? "" : task}.${revision}`;

/** The first job has several machines, and another number of them in each revision: its changes take turns. */
const copiesOf = (job: string, revision: number): number => (job === "job0" ? 2 + revision : 1);

/** The job's JSON as the CLI would send it; each machine has a disk of its own in each revision. */
export async function jobJson(agent: ImageAgent, id: string, revision: number): Promise<string> {
  const count = copiesOf(id, revision);
  const pathOf = (task: string): string => {
    const [image = ""] = Array.from({ length: count }, (_, index) =>
      agent.demoDisk(`${diskName(id, index, revision, task)}.img`),
    );
    return image.replace(diskName(id, 0, revision, task), diskName(id, "${NOMAD_ALLOC_INDEX}", revision, task));
  };
  const text = jobText({ id, image: pathOf("vm"), group: `count = ${count}`, task: 'kill_timeout = "3s"' }).replace(
    /attempts = 0\s+mode {5}= "fail"/,
    'attempts = 10000\n interval = "1h"\n delay = "50ms"\n mode = "delay"',
  );
  const result = await agent.run(["job", "run", "-output", agent.jobFile(text, `${id}.hcl`)]);
  if (result.code !== 0) throw new Error(result.stderr);
  const sent = JSON.parse(result.stdout) as { Job: { TaskGroups: { Tasks: { Name: string; Config: object }[] }[] } };
  for (const { Tasks } of sent.Job.TaskGroups) {
    const [vm] = Tasks;
    for (const Name of tasksOf(id).slice(1)) {
      if (vm !== undefined) Tasks.push({ ...vm, Name, Config: { ...vm.Config, image_path: pathOf(Name) } });
    }
  }
  return JSON.stringify(sent);
}

/** No copy of a job may have two QEMUs at any moment, whether or not an agent runs. @throws Hopeless. */
export function expectNoTwins(agent: ImageAgent): void {
  const owners = new Map<string, number>();
  for (const pid of qemuPids(agent.dir)) {
    for (const copy of new Set([...disksOf(pid, agent.images)].map((disk) => disk.slice(0, disk.lastIndexOf("."))))) {
      const other = owners.get(copy);
      if (other !== undefined) throw new Hopeless(`${copy} has two QEMUs: ${other} and ${pid}`);
      owners.set(copy, pid);
    }
  }
}

/** Waits until every job is as it was last asked to be: as many QEMUs that its records name, each on the right disk, or none. */
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
  const names = live.map(({ name, task }) => `${name}/${task}`).toSorted();
  if (new Set(names).size < names.length) throw new Error(`${job} has two QEMUs of one copy: ${shown(live)}`);
  if (wish.run === false && own.some(({ kind }) => kind !== "ended"))
    throw new Error(`${job} should be down: ${shown(own)}`);
  const count = wish.run === true && wish.revision !== null ? copiesOf(job, wish.revision) : null;
  const copies = Array.from({ length: count ?? 0 }, (_, index) => `${job}.g[${index}]`);
  const wanted = copies.flatMap((copy) => tasksOf(job).map((task) => `${copy}/${task}`)).toSorted();
  if (count !== null && names.join() !== wanted.join()) throw new Error(`${job} should have ${wanted}: ${shown(own)}`);
  for (const machine of live) expectMachine(agent, wish, machine);
}

function expectMachine(agent: ImageAgent, { revision, power }: Wish, machine: Machine): void {
  const { job, name, task, pid, kind, guest } = machine;
  if (kind !== "running" || pid === null) return;
  const disks = [...disksOf(pid, agent.images)];
  const index = name.slice(name.lastIndexOf("[") + 1, -1);
  if (revision !== null && !disks.includes(diskName(job, index, revision, task)))
    throw new Error(`${name} should have disk ${revision} and has ${disks}`);
  if (power?.pid === pid && (guest === "paused") !== power.paused)
    throw new Error(`${name} should${power.paused ? "" : " not"} be paused: ${shown([machine])}`);
}

function shown(machines: readonly Machine[]): string {
  const open = machines.filter(({ kind }) => kind !== "ended");
  return JSON.stringify(open.map(({ events, ...machine }) => ({ ...machine, last: events.at(-1)?.DisplayMessage })));
}
