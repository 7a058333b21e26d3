import { randomInt, randomUUID } from "node:crypto";
import { join, relative, resolve } from "node:path";
import * as v from "valibot";
import { type ForeseenLaunch, foreseeLaunch, type MadeUp } from "../agent/foresee/launch.ts";
import { checkPlacement, knowWhatMatters } from "../agent/place/placement.ts";
import { assignPorts } from "../agent/place/ports.ts";
import type { PlanContext } from "../agent/plan/finding.ts";
import type { AssignedPort } from "../allocation/allocation.ts";
import { redactSource } from "../artifact/redact.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { ForeseenMachine, ForeseenTask } from "../cli/machine/foreseen.ts";
import { ExplainSchema, type Explanation } from "../client/explanation.ts";
import { writeExplain } from "../contract/machine.ts";
import { defaultAttributes } from "../job/defaults.ts";
import { readDiskSize } from "../job/disk-mode.ts";
import type { Group, Job, Task } from "../job/job.ts";
import { type AgentDirs, type MachineSockets, machineFiles, stdoutLog, type TaskDirs, taskDirs } from "../paths.ts";
import { addressOf, portsOf } from "../placement/ports.ts";
import { readArguments } from "../qemu/arguments.ts";
import { namedFiles } from "../qemu/files.ts";
import type { LaunchPlan } from "../qemu/launch.ts";

/** What a machine of a job file would be on this host. @throws AppError for a machine that it could not start. */
export async function explainTask(context: PlanContext, wanted: ForeseenTask): Promise<ForeseenMachine> {
  const { job, group, task } = wanted;
  // What takes long to find out for other groups is not waited for.
  const alone: Job = { ...job, groups: [group] };
  await knowWhatMatters(context, alone);
  const made = madeUp(context, group, task);
  const first = foreseeLaunch(context, wanted, made.values);
  const others = madeUp(context, group, task);
  const second = foreseeLaunch(context, wanted, others.values);
  const script = await usable(context, group, task);
  const run = foreseeLaunch(context, wanted, script.values);
  const { config, image, env } = run;
  return {
    shown: withPlaceholders(first, made.placeholders),
    computed: computedWords(
      wordsOf(first.plan, made.placeholders),
      wordsOf(second.plan, others.placeholders),
      first.plan,
    ),
    runnable: explanationOf(run.plan),
    taskMark: script.values.place.dirs.task,
    chosen: script.chosen,
    imagePath: resolve(script.values.place.dirs.task, config.image_path),
    imageFormat: image.format,
    diskSize: config.disk_size === undefined ? null : (readDiskSize(config.disk_size) ?? null),
    files: filesOf(run, task, script.values.place.dirs),
    user: context.users === null ? "that of the agent" : "one of its own, which it is given when it is placed",
    env,
    warnings: [...refusals(context, alone), ...run.plan.warnings, ...image.told],
  };

  function explanationOf(plan: LaunchPlan): Explanation {
    return v.parse(ExplainSchema, writeExplain(plan, defaultAttributes(task)));
  }

  function withPlaceholders({ plan }: ForeseenLaunch, placeholders: Placeholders): Explanation {
    const told = explanationOf(plan);
    const text = (value: string): string => replaceAll(value, placeholders);
    const known = (port: number): number => (port > LAST_PORT ? 0 : port);
    const { Image: disk, Limits: limits } = told;
    return {
      ...told,
      Argv: told.Argv.map(({ Word, Origin }) => ({ Word: text(Word), Origin })),
      Cwd: text(told.Cwd),
      Forwards: told.Forwards.map((one) => ({
        ...one,
        HostPort: known(one.HostPort),
        GuestPort: known(one.GuestPort),
      })),
      Image: disk && {
        ...disk,
        Path: text(disk.Path),
        Base: disk.Base && { ...disk.Base, Path: text(disk.Base.Path) },
      },
      Limits: limits && { ...limits, Cores: [] },
    };
  }
}

/** Texts, and what stands for each; the longest first. */
type Placeholders = readonly (readonly [text: string, placeholder: string])[];

function replaceAll(text: string, placeholders: Placeholders): string {
  return placeholders.reduce((done, [found, placeholder]) => done.replaceAll(found, placeholder), text);
}

const LAST_PORT = 65_535;

/** Values that stand in no job by chance, so that they can be found again in what was made of them. */
function madeUp(context: PlanContext, group: Group, task: Task): { values: MadeUp; placeholders: Placeholders } {
  const id = randomUUID();
  const number = (): number => randomInt(1e11, 1e12);
  const ports = portsOf(group).map((port): AssignedPort => {
    const hostPort = port.static > 0 ? port.static : number();
    const hostAddress = addressOf(port, context.node().capacity);
    return {
      label: port.label,
      hostPort,
      to: port.to === -1 ? hostPort : port.to,
      hostAddress,
      static: port.static > 0,
    };
  });
  const cores = task.resources.cores > 0 ? [number()] : [];
  return {
    values: { allocationId: id, ports, cores, place: placeBelow(context.dirs, id, task.name) },
    placeholders: [
      [id, "<allocation id>"],
      [shortId(id), "<short allocation id>"],
      [context.node().id, "<node id>"],
      ...ports.flatMap(
        ({ label, hostPort }): Placeholders => (hostPort > LAST_PORT ? [[String(hostPort), `<port ${label}>`]] : []),
      ),
      ...cores.map((core) => [String(core), "<processors>"] as const),
    ],
  };
}

function placeBelow(dirs: AgentDirs, id: string, task: string): MadeUp["place"] {
  const own = taskDirs(dirs, id, task);
  const sockets = socketsIn(join(dirs.runDir, "<machine>"));
  return { dirs: own, sockets, files: machineFiles(own, 1), stdout: stdoutLog(own, task) };
}

const socketsIn = (dir: string): MachineSockets => ({
  dir,
  qmp: join(dir, "qmp.sock"),
  serial: join(dir, "serial.sock"),
  hmp: join(dir, "qm.sock"),
  guestAgent: join(dir, "qa.sock"),
});

/** Values with which the machine can be run here. */
async function usable(context: PlanContext, group: Group, task: Task): Promise<{ values: MadeUp; chosen: string[] }> {
  const { ports, shortages } = await assignPorts(group, context.node().capacity, []);
  const [shortage] = shortages;
  if (shortage !== undefined) throw new AppError("conflict", shortage.text);
  const dirs = directoriesOf(`/paddock-task-${randomUUID()}`);
  const place = {
    dirs,
    sockets: socketsIn("/machine"),
    files: machineFiles(dirs, 1),
    stdout: join(dirs.logs, "stdout"),
  };
  const picked = ports.filter((port) => !port.static);
  const first = Array.from({ length: task.resources.cores }, (_, core) => core);
  return {
    values: { allocationId: randomUUID(), ports, cores: first, place },
    chosen: [
      ...picked.map(({ label, hostPort }) => `port "${label}" is ${hostPort}, which was free when this was written`),
      "the allocation's id is made up, where a word has it",
      ...(first.length > 0 ? ["it is bound to no processors of its own"] : []),
    ],
  };
}

/** All in the one directory in which a script runs its machine. */
function directoriesOf(task: string): TaskDirs {
  const shared = join(task, "alloc");
  return {
    ...{ alloc: task, shared, logs: join(shared, "logs"), task, machine: task },
    ...{ local: join(task, "local"), secrets: join(task, "secrets"), tmp: join(task, "tmp") },
  };
}

const wordsOf = ({ argv }: LaunchPlan, placeholders: Placeholders): string[] =>
  argv.map(({ word }) => replaceAll(word, placeholders));

/** The words of `args` in which something was made of a value that nobody knows yet: they come out differently each time. */
function computedWords(one: readonly string[], other: readonly string[], { argv }: LaunchPlan): number[] {
  return argv.flatMap(({ origin }, at) => (origin.kind === "args" && one[at] !== other[at] ? [origin.index] : []));
}

/** What a job could not be registered for here. */
function refusals(context: PlanContext, job: Job): string[] {
  try {
    checkPlacement(context, job);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [`this host would refuse the job: ${error.message}`];
  }
}

/** What the machine opens in its task directory besides its disk's own file. */
function filesOf({ config }: ForeseenLaunch, task: Task, dirs: TaskDirs): ForeseenMachine["files"] {
  const made = new Map(
    (task.templates ?? []).map(({ destination }) => [resolve(dirs.task, destination), "a template"]),
  );
  const named = namedFiles(readArguments(config.args)).filter(({ access }) => access !== "create");
  const paths = [resolve(dirs.task, config.image_path), ...named.map(({ path }) => resolve(dirs.task, path))];
  const sources = task.artifacts.map(({ source }) => redactSource(source)).join(", ");
  const by = sources === "" ? "nothing in the job file" : `an artifact (${sources})`;
  return [...new Set(paths)].flatMap((path) => {
    const below = relative(dirs.task, path);
    return below.startsWith("..") ? [] : [{ path: below, by: made.get(path) ?? by }];
  });
}
