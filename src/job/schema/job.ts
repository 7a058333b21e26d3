import { HOUR, MINUTE, SECOND } from "../../base/units.ts";
import {
  attribute,
  block,
  blocks,
  converted,
  type Infer,
  ignored,
  label,
  optional,
  passed,
  refused,
  required,
  single,
} from "../../hcl/describe.ts";
import { choice, duration, flag, integer, list, mapOf, text } from "../../hcl/leaf.ts";
import type { Group, Job, Task } from "../job.ts";
import { nameService, type Service } from "../service.ts";
import { constraintBlock } from "./constraint.ts";
import { networkBlock } from "./network.ts";
import { defaultRestart, mergeRestart, restartBlock } from "./restart.ts";
import { serviceBlock } from "./service.ts";
import { GIVE_VALUE, NO_SECRETS, NO_VAULT, taskBlock } from "./task.ts";
import { readUpdate, updateBlock, writeUpdate } from "./update.ts";
import {
  affinities,
  consul,
  disconnect,
  durationAs,
  flagAs,
  migrate,
  multiregion,
  reschedule,
  scaling,
  spreads,
  textAs,
  ui,
} from "./without-effect.ts";

/**
 * The one description of a job: every name of Nomad's job files (NOMAD.md chapter 1 has the sources), its name in Nomad's JSON, its
 * default, and what it means here. The types of `job.ts` are held to it by the compiler: `toJob` makes them from what it reads, and
 * it writes them.
 */
const LATER = "is not supported yet";
const ONE_HOST = "has no effect: there is one host to choose";
const NOT_LOST = "has no effect: a host that is one cannot lose its servers";

/** What Nomad fills in for a job of type service, and what its CLI looks for in every job. */
const MIGRATE = {
  MaxParallel: 1,
  HealthCheck: "checks",
  MinHealthyTime: 10 * SECOND,
  HealthyDeadline: 5 * MINUTE,
};
const RESCHEDULE = {
  Attempts: 0,
  Interval: 0,
  Delay: 30 * SECOND,
  DelayFunction: "exponential",
  MaxDelay: HOUR,
  Unlimited: true,
};
const RESCHEDULE_BATCH = { Attempts: 1, Interval: 24 * HOUR, Delay: 5 * SECOND, DelayFunction: "constant" };

const ephemeralDiskBlock = block({
  size: attribute(integer({ min: 10 }), { json: "SizeMB", default: 300 }),
  sticky: attribute(flag(), { json: "Sticky" }),
  migrate: attribute(flag(), { json: "Migrate", default: false }),
});

const groupBlock = block({
  name: label({ json: "Name" }),
  count: attribute(integer({ min: 0 }), { json: "Count" }),
  meta: attribute(mapOf(text()), { json: "Meta", default: {}, form: "map", secret: true }),
  constraints: blocks(constraintBlock, { name: "constraint", json: "Constraints" }),
  networks: blocks(networkBlock, { name: "network", json: "Networks" }),
  restart: optional(restartBlock, { json: "RestartPolicy" }),
  ephemeral_disk: single(ephemeralDiskBlock, { json: "EphemeralDisk" }),
  shutdown_delay: attribute(duration(), { json: "ShutdownDelay", default: 0 }),
  max_run_duration: attribute(duration(), { json: "MaxRunDuration" }),
  tasks: blocks(taskBlock, { name: "task", json: "Tasks" }),
  affinity: ignored(ONE_HOST, { json: "Affinities", as: affinities }),
  spread: ignored(ONE_HOST, { json: "Spreads", as: spreads }),
  update: optional(updateBlock, { json: "Update", kept: true }),
  migrate: ignored(ONE_HOST, { json: "Migrate", encoded: MIGRATE, as: migrate }),
  reschedule: ignored(ONE_HOST, {
    json: "ReschedulePolicy",
    encoded: RESCHEDULE,
    neutral: RESCHEDULE_BATCH,
    as: reschedule("ReschedulePolicy"),
  }),
  services: blocks(serviceBlock, { name: "service", json: "Services" }),
  scaling,
  disconnect: ignored(NOT_LOST, { json: "Disconnect", as: disconnect }),
  stop_after_client_disconnect: ignored(NOT_LOST, {
    json: "StopAfterClientDisconnect",
    as: durationAs("StopAfterClientDisconnect"),
  }),
  max_client_disconnect: ignored(NOT_LOST, { json: "MaxClientDisconnect", as: durationAs("MaxClientDisconnect") }),
  prevent_reschedule_on_lost: ignored(NOT_LOST, {
    json: "PreventRescheduleOnLost",
    as: flagAs("PreventRescheduleOnLost"),
  }),
  consul: ignored("has no effect: there is no Consul here", {
    json: "Consul",
    neutral: { Cluster: "default" },
    as: consul,
  }),
  volume: refused(LATER, { json: "Volumes", hint: "give the machine a disk by image_path or args" }),
  vault: refused(NO_VAULT, { hint: GIVE_VALUE }),
  secret: refused(NO_SECRETS, { hint: GIVE_VALUE }),
});

/** What a server writes into a job besides what a user wrote. */
const SERVER_KEYS = [
  ...["Stop", "ParentID", "DispatchIdempotencyToken", "Payload", "NomadTokenID", "Status"],
  ...["StatusDescription", "Stable", "Version", "SubmitTime", "CreateIndex", "ModifyIndex", "JobModifyIndex"],
  ...["VersionTag", "ConsulNamespace", "VaultNamespace"],
];

const writtenBlock = block({
  id: label({ json: "ID", alsoAttribute: true }),
  name: attribute(text(), { json: "Name", default: "" }),
  type: attribute(choice(["service", "batch", "system", "sysbatch"]), { json: "Type", default: "service" }),
  region: attribute(text(), { json: "Region", default: "global" }),
  namespace: attribute(text(), { json: "Namespace", default: "default" }),
  datacenters: attribute(list(text()), { json: "Datacenters", default: ["*"] }),
  priority: attribute(integer({ min: 1, max: 100 }), { json: "Priority", default: 50 }),
  meta: attribute(mapOf(text()), { json: "Meta", default: {}, form: "map", secret: true }),
  constraints: blocks(constraintBlock, { name: "constraint", json: "Constraints" }),
  groups: blocks(groupBlock, { name: "group", json: "TaskGroups" }),
  node_pool: ignored(ONE_HOST, { json: "NodePool", neutral: "default", encoded: "default", as: textAs("NodePool") }),
  all_at_once: ignored("has no effect: each machine is placed as soon as there is room for it", {
    json: "AllAtOnce",
    encoded: false,
    as: flagAs("AllAtOnce"),
  }),
  affinity: ignored(ONE_HOST, { json: "Affinities", as: affinities }),
  spread: ignored(ONE_HOST, { json: "Spreads", as: spreads }),
  update: optional(updateBlock, { json: "Update", kept: true }),
  migrate: ignored(ONE_HOST, { json: "Migrate", as: migrate }),
  reschedule: ignored(ONE_HOST, { json: "Reschedule", as: reschedule("Reschedule") }),
  multiregion: ignored("has no effect: there is one region", { json: "Multiregion", as: multiregion }),
  ui: ignored("has no effect: there is no web interface", { json: "UI", as: ui }),
  consul_token: ignored("has no effect: there is no Consul here", {
    json: "ConsulToken",
    encoded: "",
    jsonOnly: true,
    secret: true,
  }),
  vault_token: ignored("has no effect: there is no Vault here", {
    json: "VaultToken",
    encoded: "",
    jsonOnly: true,
    secret: true,
  }),
  periodic: refused(LATER, { json: "Periodic", hint: "a systemd timer can run paddock job run" }),
  parameterized: refused(LATER, { json: "ParameterizedJob", hint: "declare variables, and run the file with -var" }),
  vault: refused(NO_VAULT, { hint: GIVE_VALUE }),
  secret: refused(NO_SECRETS, { hint: GIVE_VALUE }),
  Dispatched: passed("Dispatched", false),
  ...Object.fromEntries(SERVER_KEYS.map((key) => [key, passed(key)])),
});

/** A job as `Job` has it, from HCL and from Nomad's JSON, and to the latter. */
export const jobBlock = converted(writtenBlock, { read: toJob, write: fromJob });

/** What declares names: `src/hcl/variables` has read it before. */
const declarationBlock = block({});

/** A job file: one job, and what it declares. */
export const fileBlock = block({
  job: required(jobBlock, { outermost: true }),
  variable: blocks(declarationBlock),
  variables: blocks(declarationBlock),
  locals: blocks(declarationBlock),
});

type Written = Infer<typeof writtenBlock>;

/** Fills in the defaults that hang on other attributes. */
function toJob(written: Written): Job {
  const name = written.name || written.id;
  const { update: ofJob, ...job } = written;
  const groups = job.groups.map(({ services, update, ephemeral_disk: disk, scaling, ...group }): Group => {
    const count = group.count ?? scaling?.min ?? 1;
    const restart = mergeRestart(group.restart, defaultRestart(written.type));
    const place = { job: name, group: group.name, task: undefined };
    const tasks = group.tasks.map(({ services: ofTask, templates, ...task }): Task => {
      const named = withServices(ofTask.map((service) => nameService(service, { ...place, task: task.name })));
      const written = templates.length === 0 ? {} : { templates };
      return { ...task, restart: mergeRestart(task.restart, restart), ...named, ...written };
    });
    const named = withServices(services.map((service) => nameService(service, place)));
    // Nomad's default is false. A machine's disk is more than scratch space; which of several copies has which is another matter.
    const ephemeral_disk = { ...disk, sticky: disk.sticky ?? count <= 1 };
    return { ...group, count, ephemeral_disk, restart, tasks, ...named, ...readUpdate(update, ofJob) };
  });
  return { ...job, name, namespace: job.namespace || "default", groups };
}

function fromJob(job: Job): Written {
  const groups = job.groups.map((group) => {
    const tasks = group.tasks.map((task) => ({ templates: [], services: [], ...task }));
    return {
      max_run_duration: undefined,
      scaling: undefined,
      ...group,
      tasks,
      services: group.services ?? [],
      update: writeUpdate(group),
    };
  });
  return { ...job, groups, update: writeUpdate() };
}

/** A job without services, or templates, is equal to the record that a version of this program made of it which knew none. */
function withServices(services: readonly Service[]): { readonly services?: readonly Service[] } {
  return services.length === 0 ? {} : { services };
}
