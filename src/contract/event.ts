import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { AllocationSchema } from "./allocation.ts";
import { EvaluationSchema } from "./evaluation.ts";
import { JobSchema } from "./job-record.ts";
import { NodeSchema } from "./node.ts";
import { CountSchema, DEFAULT_NAMESPACE } from "./scalars.ts";
import { ServiceSchema } from "./service.ts";

/** Topics of which there are events here. */
export const EVENT_TOPICS = ["Job", "Evaluation", "Allocation", "Node", "Service"] as const;
export type EventTopic = (typeof EVENT_TOPICS)[number];

/** Nomad's other topics: they may be asked for, and nothing ever happens there. */
const EMPTY_TOPICS = [
  "Deployment",
  "NodePool",
  "ACLPolicy",
  "ACLToken",
  "ACLRole",
  "ACLAuthMethod",
  "ACLBindingRule",
  "CSIVolume",
  "CSIPlugin",
  "HostVolume",
  "Operator",
] as const;

const common = {
  /** What of the topic it is about: the id of a job, allocation, evaluation, node or service. */
  Key: v.string(),
  /** "" for a node. */
  Namespace: v.string(),
  /** What a filter of a topic may name besides. */
  FilterKeys: v.array(v.string()),
  Index: CountSchema,
};

/** Nomad's events, each with what it is about as it was then. */
export const EventSchema = v.variant("Topic", [
  v.object({
    Topic: v.literal("Job"),
    Type: v.picklist(["JobRegistered", "JobDeregistered", "EvaluationUpdated"]),
    ...common,
    /** `Deleted` for a job that was forgotten, too. */
    Payload: v.object({ Job: JobSchema, Deleted: v.boolean() }),
  }),
  v.object({
    Topic: v.literal("Evaluation"),
    Type: v.picklist(["JobRegistered", "JobDeregistered", "AllocationUpdateDesiredStatus", "EvaluationUpdated"]),
    ...common,
    Payload: v.object({ Evaluation: EvaluationSchema }),
  }),
  v.object({
    Topic: v.literal("Allocation"),
    Type: v.picklist(["PlanResult", "AllocationUpdated", "AllocationUpdateDesiredStatus"]),
    ...common,
    /** `Job` is null, as in Nomad. */
    Payload: v.object({ Allocation: AllocationSchema }),
  }),
  v.object({
    Topic: v.literal("Node"),
    Type: v.picklist(["NodeRegistration", "NodeEligibility", "NodeDrain"]),
    ...common,
    Payload: v.object({ Node: NodeSchema }),
  }),
  v.object({
    Topic: v.literal("Service"),
    Type: v.picklist(["ServiceRegistration", "ServiceDeregistration"]),
    ...common,
    Payload: v.object({ Service: ServiceSchema }),
  }),
]);
export type WireEvent = v.InferOutput<typeof EventSchema>;

/** A line of `GET /v1/event/stream`: what one change did, nothing (`{}`) to say that the stream is alive, or why it ends. */
export const EventLineSchema = v.union([
  v.strictObject({ Index: CountSchema, Events: v.pipe(v.array(EventSchema), v.minLength(1)) }),
  v.strictObject({ Error: v.object({ Message: v.string(), Hint: v.string() }) }),
  v.strictObject({}),
]);

/** Which events are wanted. */
export interface EventFilter {
  /** By topic or `*`, the keys that are wanted of it; `*` is every one. */
  readonly topics: ReadonlyMap<string, ReadonlySet<string>>;
  /** `*` is every one. */
  readonly namespace: string;
  /** The same for the same filter. */
  readonly text: string;
}

/**
 * What the query of an event stream asks for.
 * @param topics as Nomad's clients write them, `Topic`, `Topic:key` or `*`; none of them is all.
 * @throws AppError `invalid` for a topic that Nomad does not have either.
 */
export function readEventFilter(topics: readonly string[], namespace: string | undefined): EventFilter {
  const wanted = new Map<string, Set<string>>();
  for (const text of topics.length === 0 ? ["*"] : topics) {
    const colon = text.indexOf(":");
    const topic = colon < 0 ? text : text.slice(0, colon);
    const key = colon < 0 ? "*" : text.slice(colon + 1);
    if (!KNOWN.has(topic)) {
      throw new AppError("invalid", `query parameter topic: there is no topic "${topic}"`, {
        hint: `topics are ${EVENT_TOPICS.join(", ")} and *, with a key behind a colon, such as Job:web`,
      });
    }
    wanted.set(topic, (wanted.get(topic) ?? new Set()).add(key));
  }
  const asked = namespace || DEFAULT_NAMESPACE;
  return { topics: wanted, namespace: asked, text: JSON.stringify([topics, asked]) };
}

const KNOWN: ReadonlySet<string> = new Set(["*", ...EVENT_TOPICS, ...EMPTY_TOPICS]);

/** Whether an event is among the wanted ones. */
export function isWanted(
  { topics, namespace }: EventFilter,
  event: Pick<WireEvent, "Topic" | "Key" | "FilterKeys" | "Namespace">,
): boolean {
  if (namespace !== "*" && event.Namespace !== "" && event.Namespace !== namespace) return false;
  return [topics.get(event.Topic), topics.get("*")].some(
    (keys) =>
      keys !== undefined && (keys.has("*") || keys.has(event.Key) || event.FilterKeys.some((key) => keys.has(key))),
  );
}
