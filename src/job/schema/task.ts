import { basename } from "node:path";
import { SECOND } from "../../base/units.ts";
import {
  attribute,
  block,
  blocks,
  converted,
  ignored,
  label,
  optional,
  refused,
  required,
  sameNames,
  single,
} from "../../hcl/describe.ts";
import { choice, duration, flag, integer, integerOrText, list, mapOf, mergedMap, text } from "../../hcl/leaf.ts";
import { DISK_MODES } from "../disk-mode.ts";
import type { Artifact, QemuConfig, Resources } from "../job.ts";
import { readPortMapping } from "../port-mapping.ts";
import { constraintBlock } from "./constraint.ts";
import { networkBlock } from "./network.ts";
import { restartBlock } from "./restart.ts";
import { serviceBlock } from "./service.ts";
import { templateBlock } from "./template.ts";
import { affinities, integerAs } from "./without-effect.ts";

const LATER = "is not supported yet";
export const NO_VAULT = "is not supported: there is no Vault here";
export const NO_SECRETS = "is not supported: there is no secret provider here";
/** What to do where Nomad would fetch a secret. */
export const GIVE_VALUE = "declare a variable, and give its value with -var or in the environment";
const NO_IDENTITIES = "is not supported: there are no workload identities here";
const LEAVE_OUT = "leave it out";
const EMULATOR_PREFIX = "qemu-system-";

/** `80/tcp` is ours; a plain number is both protocols. */
const isPortMapping = (written: string): boolean => readPortMapping(written) !== undefined;

/** `config { … }` of a task with `driver = "qemu"`: the same names in HCL and JSON. */
const configBlock = converted(
  block(
    sameNames({
      image_path: attribute(text(), { required: true }),
      accelerator: attribute(text(), { default: "tcg" }),
      machine_type: attribute(text(), { default: "pc" }),
      emulator: attribute(text(), { default: "x86_64" }),
      drive_interface: attribute(text(), { default: "ide" }),
      graceful_shutdown: attribute(flag(), { default: false }),
      guest_agent: attribute(flag(), { default: false }),
      args: attribute(list(text()), { default: [] }),
      port_map: attribute(mergedMap(integerOrText({ min: 1, max: 65535 }, isPortMapping)), {
        default: {},
        form: "maps",
      }),
      // Ours, and no part of a job that does not say them: other programs read its JSON, and former versions its record.
      disk: attribute(choice(DISK_MODES), { leftOut: true }),
      disk_size: attribute(text(), { leftOut: true }),
    }),
  ),
  {
    read: (raw): QemuConfig => ({
      ...raw,
      emulator: raw.emulator.startsWith(EMULATOR_PREFIX) ? raw.emulator.slice(EMULATOR_PREFIX.length) : raw.emulator,
    }),
    write: (config) => ({ disk: undefined, disk_size: undefined, ...config }),
  },
);

const artifactBlock = converted(
  block({
    source: attribute(text(), { json: "GetterSource", required: true, secret: true }),
    destination: attribute(text(), { json: "RelativeDest", default: "" }),
    mode: attribute(choice(["any", "file", "dir"]), { json: "GetterMode", default: "any" }),
    options: attribute(mapOf(text()), { json: "GetterOptions", default: {}, form: "map", secret: true }),
    headers: attribute(mapOf(text()), { json: "GetterHeaders", default: {}, form: "map", secret: true }),
    insecure: attribute(flag(), { json: "GetterInsecure", default: false }),
    chown: refused(LATER, { json: "Chown", encoded: false, hint: "files belong to the user that the machine runs as" }),
  }),
  {
    read: (raw): Artifact => ({ ...raw, destination: raw.destination || defaultDestination(raw.mode, raw.source) }),
    write: (artifact) => artifact,
  },
);

/** Nomad: `local/`, and with `mode = "file"`, where the destination is the file itself, the last part of the source in it. */
function defaultDestination(mode: Artifact["mode"], source: string): string {
  return mode === "file" ? `local/${basename(source)}` : "local/";
}

const resourcesBlock = converted(
  block({
    cpu: attribute(integer({ min: 0 }), { json: "CPU" }),
    cores: attribute(integer({ min: 0 }), { json: "Cores", default: 0 }),
    memory: attribute(integer(), { json: "MemoryMB", default: 300 }),
    memory_max: attribute(integer({ min: -1 }), { json: "MemoryMaxMB", default: 0 }),
    networks: blocks(networkBlock, { name: "network", json: "Networks" }),
    disk: refused("is no attribute of a task", {
      json: "DiskMB",
      encoded: 0,
      hint: "write ephemeral_disk { size = … } in the group",
    }),
    iops: ignored("has no effect, in Nomad neither", { json: "IOPS", encoded: 0, as: integerAs("IOPS") }),
    secrets: ignored("has no effect: no secrets are written for a machine", {
      json: "SecretsMB",
      encoded: 0,
      as: integerAs("SecretsMB"),
    }),
    device: refused(LATER, { json: "Devices", hint: "name it in args, such as -device vfio-pci,host=…" }),
    numa: refused(LATER, {
      json: "NUMA",
      neutral: { Affinity: "none" },
      hint: "bind the machine with cores, and write -numa in args",
    }),
  }),
  {
    read: (raw): Resources => ({ ...raw, cpu: raw.cpu ?? (raw.cores > 0 ? 0 : 100) }),
    write: (resources) => resources,
  },
);

const logsBlock = converted(
  block({
    max_files: attribute(integer({ min: 1 }), { json: "MaxFiles", default: 10 }),
    max_file_size: attribute(integer({ min: 1 }), { json: "MaxFileSizeMB", default: 10 }),
    disabled: attribute(flag(), { json: "Disabled", default: false }),
    enabled: attribute(flag(), { json: "Enabled" }),
  }),
  {
    // `enabled` is what early versions called the contrary of `disabled`; Nomad goes on reading it.
    read: ({ enabled, ...logs }) => ({ ...logs, disabled: enabled === undefined ? logs.disabled : !enabled }),
    write: (logs) => ({ ...logs, enabled: undefined }),
  },
);

export const taskBlock = block({
  name: label({ json: "Name" }),
  driver: attribute(text(), { json: "Driver", required: true }),
  config: required(configBlock, { json: "Config" }),
  env: attribute(mapOf(text()), { json: "Env", default: {}, form: "map", secret: true }),
  meta: attribute(mapOf(text()), { json: "Meta", default: {}, form: "map", secret: true }),
  constraints: blocks(constraintBlock, { name: "constraint", json: "Constraints" }),
  artifacts: blocks(artifactBlock, { name: "artifact", json: "Artifacts" }),
  resources: single(resourcesBlock, { json: "Resources" }),
  logs: single(logsBlock, { json: "LogConfig" }),
  restart: optional(restartBlock, { json: "RestartPolicy" }),
  kill_timeout: attribute(duration(), { json: "KillTimeout", default: 5 * SECOND }),
  kill_signal: attribute(text(), { json: "KillSignal", default: "" }),
  shutdown_delay: attribute(duration(), { json: "ShutdownDelay", default: 0 }),
  leader: attribute(flag(), { json: "Leader", default: false }),
  user: attribute(text(), { json: "User", default: "" }),
  affinity: ignored("has no effect: there is one host to choose", { json: "Affinities", as: affinities }),
  services: blocks(serviceBlock, { name: "service", json: "Services" }),
  templates: blocks(templateBlock, { name: "template", json: "Templates" }),
  lifecycle: refused(LATER, { json: "Lifecycle", hint: "run it in the guest, from its user data for example" }),
  dispatch_payload: refused(LATER, { json: "DispatchPayload", hint: "write the file with a template block" }),
  volume_mount: refused("is not supported: Nomad's qemu driver mounts no volumes either", {
    json: "VolumeMounts",
    hint: "give the machine a disk by image_path or args",
  }),
  csi_plugin: refused("is not supported: a machine is no storage plugin", { json: "CSIPluginConfig", hint: LEAVE_OUT }),
  identity: refused(NO_IDENTITIES, { json: "Identities", hint: LEAVE_OUT }),
  // A server adds this one to every task; it means nothing unless the job asks for its token.
  default_identity: refused(NO_IDENTITIES, {
    json: "Identity",
    jsonOnly: true,
    neutral: { Name: "default", Audience: ["nomadproject.io"] },
    hint: LEAVE_OUT,
  }),
  vault: refused(NO_VAULT, { json: "Vault", hint: GIVE_VALUE }),
  secret: refused(NO_SECRETS, { json: "Secrets", hint: GIVE_VALUE }),
  consul: refused("is not supported: there is no Consul here", { json: "Consul", hint: LEAVE_OUT }),
  kind: refused("is not supported: a machine is no Consul proxy", { json: "Kind", encoded: "", hint: LEAVE_OUT }),
  action: refused("is not supported: no command can be run in a machine", {
    json: "Actions",
    hint: "type it at paddock console, or have the guest run it",
  }),
  schedule: refused(LATER, { json: "Schedule", hint: "a systemd timer can run paddock job run and paddock job stop" }),
  scaling: refused(LATER, { json: "ScalingPolicies", hint: "write the resources that the machine needs" }),
});
