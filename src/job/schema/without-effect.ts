import { attribute, block, blocks, converted, label, optional, passed, single } from "../../hcl/describe.ts";
import { duration, flag, integer, type JsonValue, type Leaf, list, mapOf, text } from "../../hcl/leaf.ts";
import type { Value } from "../../hcl/value.ts";

/*
 * What Nomad's job files may hold of things that mean nothing on one host, for whoever hands a job on as Nomad's own client would. Each is
 * the `as` of a name that is `ignored`; the defaults are those of that client, and what hangs on the job is filled in by `src/job/output.ts`.
 */

const OPERATORS = ["version", "semver", "regexp", "set_contains_any", "set_contains_all", "set_contains"] as const;

const affinityBlock = converted(
  block({
    attribute: attribute(text(), { json: "LTarget", default: "" }),
    value: attribute(text(), { json: "RTarget", default: "" }),
    operator: attribute(text(), { json: "Operand", default: "" }),
    weight: attribute(integer({ min: -128, max: 127 }), { json: "Weight", default: 50 }),
    version: attribute(text()),
    semver: attribute(text()),
    regexp: attribute(text()),
    set_contains_any: attribute(text()),
    set_contains_all: attribute(text()),
    set_contains: attribute(text()),
  }),
  {
    read: (raw) => {
      // Of several the last one counts, in Nomad's order.
      const operator = OPERATORS.findLast((name) => (raw[name] ?? "") !== "");
      const said = operator === undefined ? {} : { operator, value: raw[operator] ?? "" };
      const { attribute: left, value, weight } = raw;
      return { ...NO_SHORT_FORMS, attribute: left, value, weight, operator: raw.operator || "=", ...said };
    },
    write: (affinity) => affinity,
  },
);

const NO_SHORT_FORMS = {
  ...{ version: undefined, semver: undefined, regexp: undefined },
  ...{ set_contains_any: undefined, set_contains_all: undefined, set_contains: undefined },
};

export const affinities = blocks(affinityBlock, { json: "Affinities" });

export const spreads = blocks(
  block({
    attribute: attribute(text(), { json: "Attribute", default: "" }),
    weight: attribute(integer({ min: -128, max: 127 }), { json: "Weight", default: 50 }),
    target: blocks(
      block({
        value: label({ json: "Value" }),
        percent: attribute(integer({ min: 0, max: 255 }), { json: "Percent", default: 0 }),
      }),
      { json: "SpreadTarget" },
    ),
  }),
  { json: "Spreads" },
);

const partly = { leftOut: true } as const;

export const migrate = optional(
  block({
    max_parallel: attribute(integer(), { json: "MaxParallel", ...partly }),
    health_check: attribute(text(), { json: "HealthCheck", ...partly }),
    min_healthy_time: attribute(duration(), { json: "MinHealthyTime", ...partly }),
    healthy_deadline: attribute(duration(), { json: "HealthyDeadline", ...partly }),
  }),
  { json: "Migrate" },
);

const rescheduleBlock = block({
  attempts: attribute(integer(), { json: "Attempts", ...partly }),
  interval: attribute(duration(), { json: "Interval", ...partly }),
  delay: attribute(duration(), { json: "Delay", ...partly }),
  delay_function: attribute(text(), { json: "DelayFunction", ...partly }),
  max_delay: attribute(duration(), { json: "MaxDelay", ...partly }),
  unlimited: attribute(flag(), { json: "Unlimited", ...partly }),
});

/** @param json its name, which is another one in a job than in a group. */
export const reschedule = (json: "Reschedule" | "ReschedulePolicy") => optional(rescheduleBlock, { json });

export const disconnect = optional(
  block({
    lost_after: attribute(duration(), { json: "LostAfter" }),
    stop_on_client_after: attribute(duration(), { json: "StopOnClientAfter" }),
    replace: attribute(flag(), { json: "Replace", default: true }),
    reconcile: attribute(text(), { json: "Reconcile", default: "best_score" }),
  }),
  { json: "Disconnect" },
);

export const consul = optional(
  block({
    namespace: attribute(text(), { json: "Namespace", default: "" }),
    cluster: attribute(text(), { json: "Cluster", default: "default" }),
    partition: attribute(text(), { json: "Partition", default: "" }),
  }),
  { json: "Consul" },
);

const strategyBlock = block({
  max_parallel: attribute(integer(), { json: "MaxParallel", default: 0 }),
  on_failure: attribute(text(), { json: "OnFailure", default: "" }),
});

const regionBlock = block({
  name: label({ json: "Name" }),
  count: attribute(integer(), { json: "Count", default: 1 }),
  datacenters: attribute(list(text()), { json: "Datacenters", default: [] }),
  node_pool: attribute(text(), { json: "NodePool", default: "" }),
  meta: attribute(mapOf(text()), { json: "Meta", default: {}, form: "map" }),
});

export const multiregion = optional(
  block({
    strategy: single(strategyBlock, { json: "Strategy" }),
    regions: blocks(regionBlock, { name: "region", json: "Regions" }),
  }),
  { json: "Multiregion" },
);

/** Of any type: the policy is another program's. */
const anything: Leaf<JsonValue> = { empty: null, read: plainOf, write: (value) => value };

function plainOf(value: Value): JsonValue {
  switch (value.kind) {
    case "null":
      return null;
    case "list":
      return value.items.map(plainOf);
    case "object":
      return Object.fromEntries(value.entries.map(({ key, value: part }) => [key, plainOf(part)]));
    default:
      return value.value;
  }
}

/** Nothing scales a group by itself, but its least number of machines is how many it has where nothing else says it, as in Nomad. */
export const scaling = optional(
  block({
    min: attribute(integer({ min: 0 }), { json: "Min" }),
    max: attribute(integer(), { json: "Max" }),
    policy: attribute(anything, { json: "Policy", form: "tree" }),
    enabled: attribute(flag(), { json: "Enabled", default: true }),
    type: attribute(text(), { json: "Type", default: "horizontal" }),
    ...Object.fromEntries(["ID", "Namespace", "Target", "CreateIndex", "ModifyIndex"].map((key) => [key, passed(key)])),
  }),
  { json: "Scaling", partly: "has no effect but for its min: nothing scales a group by itself" },
);

export const ui = optional(
  block({
    description: attribute(text(), { json: "Description", default: "" }),
    links: blocks(
      block({
        label: attribute(text(), { json: "Label", default: "" }),
        url: attribute(text(), { json: "URL", default: "" }),
      }),
      { name: "link", json: "Links" },
    ),
  }),
  { json: "UI" },
);

export const weights = optional(
  block({
    passing: attribute(integer(), { json: "Passing", default: 1 }),
    warning: attribute(integer(), { json: "Warning", default: 1 }),
  }),
  { json: "Weights" },
);

/** Attributes by their names in JSON. */
export const textAs = (json: string) => attribute(text(), { json });
export const flagAs = (json: string) => attribute(flag(), { json });
export const integerAs = (json: string) => attribute(integer(), { json });
export const durationAs = (json: string) => attribute(duration(), { json });
export const textsAs = (json: string) => attribute(list(text()), { json });
export const mapAs = (json: string) => attribute(mapOf(text()), { json, form: "map" });
