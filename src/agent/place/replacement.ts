import type { Allocation } from "../../allocation/allocation.ts";
import { interpolateConfig } from "../../job/interpolate.ts";
import type { Group, Job, Network, Task, Template } from "../../job/job.ts";
import { renderTemplate } from "../../job/template-variables.ts";
import { taskDirs } from "../../paths.ts";
import { dnsOf } from "../../qemu/network.ts";
import { createRenderer, type RenderTemplate } from "../../template/template.ts";
import type { AgentContext } from "../context.ts";
import { interpolateArtifact } from "../start/fetch-artifacts.ts";
import { environmentOf, interpolateDns } from "../start/subject.ts";
import { interpolateTemplate } from "../start/templates.ts";
import { isSamePart } from "./same-part.ts";

/** What makes a new machine necessary. */
export interface Reason {
  /** The task that it is about; null for its group. */
  readonly task: string | null;
  /** A place of the job file below it, such as `config.args`; "" for all of it. */
  readonly path: string;
}

export type ReplacementContext = Pick<AgentContext, "store" | "node" | "dirs">;

/**
 * What of an allocation cannot become what another version of its job says while its machines run: all that QEMU was given, that was
 * fetched for it, and that the allocation was placed by. Everything else (restart policy, times, services and their checks, meta, env,
 * constraints, the bounds of logs) is looked up when it is needed, so that it changes in place. `${…}` counts by its value: meta that
 * stands in `args` is a part of them.
 * @returns empty when the allocation can be updated in place.
 */
export function reasonsToReplace(
  context: ReplacementContext,
  allocation: Allocation,
  before: Job,
  next: Job,
): readonly Reason[] {
  const [old, now] = [before, next].map(({ groups }) => groups.find(({ name }) => name === allocation.group));
  if (old === undefined || now === undefined) return [{ task: null, path: "" }];
  const names = [...new Set([...old.tasks, ...now.tasks].map(({ name }) => name))];
  const tasks = names.flatMap((name) => {
    const [given, wanted] = [
      { job: before, group: old },
      { job: next, group: now },
    ].map((version) => givenTo(context, allocation, version, name));
    return differences(given, wanted).map((path) => ({ task: name, path }));
  });
  return [...differences(givenToGroup(old), givenToGroup(now)).map((path) => ({ task: null, path })), ...tasks];
}

/** For people. */
export function reasonText({ task, path }: Reason): string {
  if (task === null) return path === "" ? "the group" : path;
  return path === "" ? `task "${task}"` : `task "${task}": ${path}`;
}

type Given = Readonly<Record<string, unknown>>;

const givenToGroup = ({ networks, ephemeral_disk: { size } }: Group): Given => ({
  network: networks.map(withoutDns),
  "ephemeral_disk.size": size,
});

/** Which of them a machine has, and with what values, is its task's. */
const withoutDns = ({ dns: _, ...network }: Network): Given => network;

/** What a machine is made of, by its place in the job file; undefined for a task that this version has not. */
function givenTo(
  context: ReplacementContext,
  allocation: Allocation,
  { job, group }: { readonly job: Job; readonly group: Group },
  name: string,
): Given | undefined {
  const task = group.tasks.find((candidate) => candidate.name === name);
  if (task === undefined) return undefined;
  const { artifacts, templates = [], resources, logs, driver, user } = task;
  const cores = context.store.lastLaunch(allocation.id, name)?.limits?.cores ?? [];
  const env = environmentOf(
    context,
    { job, group, task, cores },
    allocation,
    taskDirs(context.dirs, allocation.id, name),
  );
  // One for all of them, which share what they may do.
  const render = createRenderer(env);
  return {
    driver,
    user,
    ...prefixed("config", configOf(task, env, context)),
    ...prefixed("resources", { ...resources, networks: resources.networks.map(withoutDns) }),
    "network.dns": interpolateDns(dnsOf(resources.networks, group.networks), env, context.node()),
    artifact: artifacts.map((artifact) => interpolateArtifact(artifact, env, context)),
    template: templates.map((template) => fileOf(interpolateTemplate(template, env, context), env, render)),
    "logs.disabled": logs.disabled,
  };
}

/**
 * What a template comes to. Of one that is fetched nobody knows what it uses of the environment; what is about changes while the machine
 * runs changes nothing.
 */
function fileOf(template: Template, env: Readonly<Record<string, string>>, render: RenderTemplate): Given {
  const { source, destination, perms } = template;
  const made = source === "" ? renderTemplate(render, template) : { template, env };
  return { source, destination, perms, made };
}

/** With what is wrong with it, too: a config that cannot be read yet is another one when it is wrong otherwise. */
function configOf({ config }: Task, env: Readonly<Record<string, string>>, { node }: ReplacementContext): Given {
  const expanded = interpolateConfig(config, env, node());
  return { ...expanded.config, ...(expanded.diagnostics.length > 0 && { [""]: expanded.diagnostics }) };
}

const prefixed = (name: string, values: object): Given =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key === "" ? name : `${name}.${key}`, value]));

/** The keys whose values differ; "" when one of the two is not there at all. */
function differences(one: Given | undefined, other: Given | undefined): string[] {
  if (one === undefined || other === undefined) return one === other ? [] : [""];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => !isSamePart(one[key], other[key]));
}
