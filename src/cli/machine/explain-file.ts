import { AppError } from "../../base/errors.ts";
import type { Explanation } from "../../client/explanation.ts";
import { type Invocation, rehearsalFlags } from "../command.ts";
import { EXIT } from "../exit.ts";
import { countErrors, type JobFile, readJobFile } from "../job/file.ts";
import { printJson } from "../terminal/json.ts";
import { printLabelled } from "../terminal/labelled.ts";
import { printExplanation } from "./explanation.ts";
import type { ForeseenMachine, ForeseenTask } from "./foreseen.ts";
import type { ForeseenSecrets } from "./foreseen-secrets.ts";

/** Whether an operand is a job file's: a path, or a name that ends as those of job files do. */
export function isJobFileName(word: string): boolean {
  return word === "-" || /^\.{0,2}\//.test(word) || /\.(hcl|nomad|json)$/i.test(word);
}

/** Explains a machine of a job file as this host would start it, without an agent. @throws AppError. */
export async function explainFile(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { out, err } = context.terminal;
  const [path = "", word] = operands;
  const file = await readJobFile(path, invocation);
  const { job } = file;
  if (job === undefined) throw new AppError("invalid", `${file.name} is not a valid job: ${countErrors(file)}`);
  const wanted = { job, ...chooseTask(file, flags.text("group"), word ?? flags.text("task")), index: 0 };
  const warn = (text: string): void => printLabelled(err, "warning", text.trimEnd());
  const machine = await context.rehearse.explain(rehearsalFlags(flags), wanted, warn);
  const { findSecrets } = await import("./foreseen-secrets.ts");
  const secrets = findSecrets(wanted, machine);
  const told = tellOf(wanted, machine).map(secrets.blank);
  if (flags.has("script")) {
    const { writeFileScript } = await import("./file-script.ts");
    const runnable = { ...machine.runnable, ...originsIn(machine.runnable, file, wanted) };
    const all = /\bvar\s*[.[]/.test(file.text) ? [...told, OF_VARIABLES] : told;
    for (const warning of all) warn(warning);
    out.text(writeFileScript(wanted, { ...machine, runnable }, secrets, { file: file.name, told: all }));
    return EXIT.ok;
  }
  const shown = hide({ ...machine.shown, ...originsIn(machine.shown, file, wanted), Warnings: told }, secrets);
  if (flags.has("json")) printJson(out, shown);
  else printExplanation(shown, context.terminal, machine.user);
  return EXIT.ok;
}

/** Only what the task has by its environment and the like is known to be secret: a variable may be a number of processors. */
const OF_VARIABLES = "what a word has of variables stands in the script as it was given; what is secret belongs in env";

/** @throws AppError `invalid` when it is not said which of several is meant, `not_found` for one that is not there. */
function chooseTask(
  { name, job }: JobFile,
  wantedGroup: string | undefined,
  wantedTask: string | undefined,
): Pick<ForeseenTask, "group" | "task"> {
  const all = (job?.groups ?? []).flatMap((group) => group.tasks.map((task) => ({ group, task })));
  const meant = all.filter(
    ({ group, task }) => (wantedGroup ?? group.name) === group.name && (wantedTask ?? task.name) === task.name,
  );
  const [only] = meant;
  const list = all.map(({ group, task }) => `-group ${group.name} -task ${task.name}`);
  if (only !== undefined && meant.length === 1) return only;
  const hint = `one of: ${list.join("; ")}`;
  if (only === undefined) throw new AppError("not_found", `${name} has no such machine`, { hint });
  throw new AppError("invalid", `${name} has ${meant.length} machines that may be meant`, { hint });
}

/** What a reader must know of what is shown. */
function tellOf({ group, task }: ForeseenTask, { warnings }: ForeseenMachine): string[] {
  const { cores } = task.resources;
  return [
    ...warnings,
    ...(group.count > 1 ? [`this is the first of ${group.count} copies; the others differ by their index`] : []),
    ...(cores > 0 ? [`the machine is bound to ${cores} processors, which are chosen when it is placed`] : []),
  ];
}

function hide(explanation: Explanation, { show, blank }: ForeseenSecrets): Explanation {
  const { Argv, Image: disk } = explanation;
  const Base = disk?.Base ? { ...disk.Base, Path: blank(disk.Base.Path) } : null;
  return {
    ...explanation,
    Argv: Argv.map((entry) => ({ ...entry, Word: show(entry) })),
    Image: disk && { ...disk, Path: blank(disk.Path), Base },
  };
}

/** The words with the places in the job file that they come from, and which attributes have their default. */
function originsIn(
  { Argv }: Explanation,
  { spanOf }: JobFile,
  { job, group, task }: ForeseenTask,
): Pick<Explanation, "Argv" | "Defaults"> {
  const ofGroup = `groups[${job.groups.indexOf(group)}]`;
  const ofTask = `${ofGroup}.tasks[${group.tasks.indexOf(task)}]`;
  const placesOf = (paths: readonly string[]): string[] =>
    paths.flatMap((path) => {
      const span = spanOf(path);
      return span === undefined ? [] : [`${span.file}:${span.start.line}`];
    });
  const networks = [
    ...group.networks.map((_, at) => `${ofGroup}.networks[${at}]`),
    ...task.resources.networks.map((_, at) => `${ofTask}.resources.networks[${at}]`),
  ];
  const pathsOf = ({ Kind, Attribute, Index }: Explanation["Argv"][number]["Origin"]): string[] => {
    if (Kind === "args") return [`${ofTask}.config.args[${Index}]`];
    const own = attributesIn(Attribute).map((name) => `${ofTask}.${name}`);
    return /\bnetwork\b/.test(Attribute) ? [...own, ...networks] : own;
  };
  const named = ["config.emulator", ...Argv.flatMap(({ Origin }) => attributesIn(Origin.Attribute))];
  return {
    Argv: Argv.map((entry) => {
      const places = placesOf(pathsOf(entry.Origin));
      return places.length === 0 ? entry : { ...entry, Origin: { ...entry.Origin, At: joinPlaces(places) } };
    }),
    Defaults: [...new Set(named)].filter((name) => spanOf(`${ofTask}.${name}`) === undefined),
  };
}

const attributesIn = (text: string): string[] => text.match(/\b(?:config|resources)\.\w+/g) ?? [];

/** `web.hcl:3, 12`: a file's name stands once. */
function joinPlaces(places: readonly string[]): string {
  const byFile = Map.groupBy(new Set(places), (place) => place.slice(0, place.lastIndexOf(":")));
  return [...byFile]
    .map(([file, all]) => `${file}:${all.map((place) => place.slice(file.length + 1)).join(", ")}`)
    .join(", ");
}
