import { SECOND } from "../../base/units.ts";
import { attribute, block, blocks, converted, type Infer, ignored, optional, refused } from "../../hcl/describe.ts";
import { duration, flag, integer, list, mapOf, text } from "../../hcl/leaf.ts";
import type { Check, CheckRestart, OnUpdate, Service } from "../service.ts";
import { flagAs, integerAs, mapAs, textAs, textsAs, weights } from "./without-effect.ts";

const NO_CONSUL = "has no effect: there is no Consul here";
const NO_CONNECT = "is not supported: there is no Consul service mesh here";
const SCRIPT = "is not supported: no command can be run in a machine";
const LEAVE_OUT = "leave it out";
const PROBE = 'use a check of type = "http" or type = "tcp"';
const GRPC = "is not supported: checks are of type tcp or http";

/** Nomad's. */
const DEFAULT_GRACE = SECOND;

const checkRestartBlock = block({
  limit: attribute(integer({ min: 0 }), { json: "Limit", default: 0 }),
  grace: attribute(duration(), { json: "Grace" }),
  ignore_warnings: attribute(flag(), { json: "IgnoreWarnings", default: false }),
});

type WrittenRestart = Infer<typeof checkRestartBlock>;

const writtenCheck = block({
  name: attribute(text(), { json: "Name", default: "" }),
  type: attribute(text(), { json: "Type", required: true }),
  path: attribute(text(), { json: "Path", default: "" }),
  method: attribute(text(), { json: "Method", default: "" }),
  protocol: attribute(text(), { json: "Protocol", default: "" }),
  header: attribute(mapOf(list(text())), { json: "Header", default: {}, form: "map", secret: true }),
  body: attribute(text(), { json: "Body", default: "", secret: true }),
  port: attribute(text(), { json: "PortLabel", default: "" }),
  address_mode: attribute(text(), { json: "AddressMode", default: "" }),
  interval: attribute(duration(), { json: "Interval", required: true }),
  timeout: attribute(duration(), { json: "Timeout", required: true }),
  initial_status: attribute(text(), { json: "InitialStatus", default: "" }),
  on_update: attribute(text(), { json: "OnUpdate", default: "" }),
  task: attribute(text(), { json: "TaskName", default: "" }),
  success_before_passing: attribute(integer({ min: 0 }), { json: "SuccessBeforePassing", default: 0 }),
  failures_before_critical: attribute(integer({ min: 0 }), { json: "FailuresBeforeCritical", default: 0 }),
  tls_skip_verify: attribute(flag(), { json: "TLSSkipVerify", default: false }),
  tls_server_name: attribute(text(), { json: "TLSServerName", default: "" }),
  check_restart: optional(checkRestartBlock, { json: "CheckRestart" }),
  failures_before_warning: ignored("has no effect: a check here passes or fails", {
    json: "FailuresBeforeWarning",
    encoded: 0,
    as: integerAs("FailuresBeforeWarning"),
  }),
  notes: ignored("has no effect: nobody shows it", { json: "Notes", encoded: "", as: textAs("Notes") }),
  advertise: ignored(NO_CONSUL, { json: "Advertise", encoded: "", as: textAs("Advertise") }),
  expose: refused(NO_CONNECT, { json: "Expose", encoded: false, hint: LEAVE_OUT }),
  command: refused(SCRIPT, { json: "Command", encoded: "", hint: PROBE }),
  args: refused(SCRIPT, { json: "Args", hint: PROBE }),
  grpc_service: refused(GRPC, { json: "GRPCService", encoded: "", hint: PROBE }),
  grpc_use_tls: refused(GRPC, { json: "GRPCUseTLS", encoded: false, hint: PROBE }),
});

type WrittenCheck = Infer<typeof writtenCheck>;

const writtenService = block({
  name: attribute(text(), { json: "Name", default: "" }),
  provider: attribute(text(), { json: "Provider", default: "" }),
  port: attribute(text(), { json: "PortLabel", default: "" }),
  tags: attribute(list(text()), { json: "Tags", default: [] }),
  address_mode: attribute(text(), { json: "AddressMode", default: "" }),
  on_update: attribute(text(), { json: "OnUpdate", default: "" }),
  task: attribute(text(), { json: "TaskName", default: "" }),
  checks: blocks(writtenCheck, { name: "check", json: "Checks" }),
  check_restart: optional(checkRestartBlock, { json: "CheckRestart" }),
  address: ignored("has no effect: a service is reached at the forwarded port of this host", {
    json: "Address",
    encoded: "",
    as: textAs("Address"),
  }),
  canary_tags: ignored("has no effect: there are no canaries", { json: "CanaryTags", as: textsAs("CanaryTags") }),
  canary_meta: ignored("has no effect: there are no canaries", { json: "CanaryMeta", as: mapAs("CanaryMeta") }),
  enable_tag_override: ignored(NO_CONSUL, {
    json: "EnableTagOverride",
    encoded: false,
    as: flagAs("EnableTagOverride"),
  }),
  meta: ignored(NO_CONSUL, { json: "Meta", as: mapAs("Meta") }),
  tagged_addresses: ignored(NO_CONSUL, { json: "TaggedAddresses", as: mapAs("TaggedAddresses") }),
  weights: ignored(NO_CONSUL, { json: "Weights", neutral: { Passing: 1, Warning: 1 }, as: weights }),
  cluster: ignored(NO_CONSUL, {
    json: "Cluster",
    neutral: "default",
    encoded: "default",
    as: textAs("Cluster"),
  }),
  kind: ignored(NO_CONSUL, { json: "Kind", encoded: "", as: textAs("Kind") }),
  // A server puts the job's into it.
  namespace: ignored("has no effect: there is one namespace", {
    json: "Namespace",
    neutral: "default",
    jsonOnly: true,
  }),
  connect: refused(NO_CONNECT, { json: "Connect", hint: "reach the machine by the port that is forwarded to it" }),
  identity: refused("is not supported: there are no workload identities here", { json: "Identity", hint: LEAVE_OUT }),
});

/** `service { … }` of a group or task, but for the names that follow from where it stands. */
export const serviceBlock = converted(writtenService, { read: readService, write: writeService });

/** What is written in a service holds for each of its checks that does not say otherwise, as in Nomad. */
function readService(written: Infer<typeof writtenService>): Service {
  const { check_restart: restart, checks, ...service } = written;
  const onUpdate = (service.on_update || "require_healthy") as OnUpdate;
  return {
    ...service,
    provider: (service.provider || "consul") as Service["provider"],
    address_mode: service.address_mode || "auto",
    on_update: onUpdate,
    checks: checks.map((check) => readCheck(check, restart, onUpdate)),
    ...(restart !== undefined && { check_restart: restart }),
  };
}

// Words that are none of those which the types name are refused by `validate-service.ts` before anybody sees them.
function readCheck(written: WrittenCheck, restart: WrittenRestart | undefined, onUpdate: OnUpdate): Check {
  return {
    ...written,
    type: written.type.toLowerCase() as Check["type"],
    on_update: (written.on_update || onUpdate) as OnUpdate,
    check_restart: mergeRestart(restart, written.check_restart),
  };
}

function mergeRestart(service: WrittenRestart | undefined, check: WrittenRestart | undefined): CheckRestart | null {
  if (service === undefined && check === undefined) return null;
  return {
    limit: check?.limit || (service?.limit ?? 0),
    grace: check?.grace ?? service?.grace ?? DEFAULT_GRACE,
    ignore_warnings: check?.ignore_warnings === true || service?.ignore_warnings === true,
  };
}

function writeService(service: Service): Infer<typeof writtenService> {
  const checks = service.checks.map((check) => ({ ...check, check_restart: check.check_restart ?? undefined }));
  return { check_restart: undefined, ...service, checks };
}
