import type { Written } from "../../agent/agent.ts";
import { type Allocation, clientStatus } from "../../allocation/allocation.ts";
import { writeAllocation } from "../../contract/allocation.ts";
import { writeEvaluation } from "../../contract/evaluation.ts";
import type { WireEvent } from "../../contract/event.ts";
import { writeJob } from "../../contract/job-record.ts";
import { writeNode } from "../../contract/node.ts";
import { DEFAULT_NAMESPACE } from "../../contract/scalars.ts";
import { writeService } from "../../contract/service.ts";
import type { Occasion } from "../../events/feed.ts";
import { encodeJob } from "../../job/wire.ts";
import { placedAllocation } from "../allocations.ts";
import type { ApiContext } from "../context.ts";

type Evaluation = Extract<Written, { kind: "evaluation" }>["evaluation"];

type EventContext = Pick<ApiContext, "agent" | "facts">;

/** Nomad's events of one occasion, in the order in which they were written. */
export function writeEvents(context: EventContext, { index, entries }: Occasion<Written>): WireEvent[] {
  return entries.flatMap((written) => eventsOf(context, written, index));
}

function eventsOf(context: EventContext, written: Written, index: number): WireEvent[] {
  switch (written.kind) {
    case "job":
      return [jobEvent(context, written, index)];
    case "evaluation":
      return [evaluationEvent(context, written.evaluation, index)];
    case "allocation":
      return [allocationEvent(context, written, index), ...serviceEvents(context, written, index)];
    case "node":
      return [nodeEvent(context, written, index)];
  }
}

/** What the agent changes of a job by itself is told as the change that it came with, as in Nomad. */
function jobEvent(
  { agent }: EventContext,
  { record, purged }: Extract<Written, { kind: "job" }>,
  index: number,
): WireEvent {
  const { job } = record;
  const byUser = purged || record.stop ? "JobDeregistered" : "JobRegistered";
  return {
    Topic: "Job",
    Type: purged || record.jobModifyIndex === index ? byUser : "EvaluationUpdated",
    Key: job.id,
    Namespace: job.namespace,
    FilterKeys: [],
    Index: index,
    Payload: {
      Job: writeJob(purged ? { ...record, stop: true } : record, agent.allocations({ jobId: job.id }), encodeJob(job)),
      Deleted: purged,
    },
  };
}

const EVALUATION_TYPES = {
  "job-register": "JobRegistered",
  "job-deregister": "JobDeregistered",
  "alloc-stop": "AllocationUpdateDesiredStatus",
  "node-update": "EvaluationUpdated",
  "node-drain": "AllocationUpdateDesiredStatus",
  "queued-allocs": "EvaluationUpdated",
} as const satisfies Record<Evaluation["triggeredBy"], string>;

function evaluationEvent({ agent }: EventContext, evaluation: Evaluation, index: number): WireEvent {
  const record = agent.jobs(evaluation.jobId).find(({ job }) => job.id === evaluation.jobId);
  const written = writeEvaluation(evaluation, record?.job.namespace);
  return {
    Topic: "Evaluation",
    Type: evaluation.createIndex === index ? EVALUATION_TYPES[evaluation.triggeredBy] : "EvaluationUpdated",
    Key: evaluation.id,
    Namespace: written.Namespace,
    FilterKeys: [evaluation.jobId],
    Index: index,
    Payload: { Evaluation: written },
  };
}

interface WrittenAllocation {
  readonly allocation: Allocation;
  readonly before: Allocation | undefined;
}

function allocationEvent(context: EventContext, { allocation, before }: WrittenAllocation, index: number): WireEvent {
  // Of its checks the store knows nothing.
  const { checks = checksNow(context, allocation) } = allocation;
  const written = writeAllocation(placedAllocation(context, { ...allocation, checks }), null);
  const toldToStop = before?.desired === "run" && allocation.desired === "stop";
  const changed = toldToStop ? "AllocationUpdateDesiredStatus" : "AllocationUpdated";
  return {
    Topic: "Allocation",
    Type: allocation.createIndex === index ? "PlanResult" : changed,
    Key: allocation.id,
    Namespace: written.Namespace,
    FilterKeys: [allocation.jobId],
    Index: index,
    Payload: { Allocation: written },
  };
}

function checksNow({ agent }: EventContext, { id }: Allocation): Allocation["checks"] {
  const [known] = agent.allocationIds({ prefix: id });
  return known === undefined ? undefined : agent.allocation(known).checks;
}

const NODE_TYPES = { host: "NodeRegistration", eligibility: "NodeEligibility", drain: "NodeDrain" } as const;

function nodeEvent(
  { facts }: EventContext,
  { node, change }: Extract<Written, { kind: "node" }>,
  index: number,
): WireEvent {
  return {
    Topic: "Node",
    Type: NODE_TYPES[change ?? "host"],
    Key: node.id,
    Namespace: "",
    FilterKeys: [],
    Index: index,
    Payload: { Node: writeNode(node, facts) },
  };
}

/** Services come and go with their machines, and with a version of the job that has others. */
function serviceEvents(context: EventContext, { allocation, before }: WrittenAllocation, index: number): WireEvent[] {
  const changed = before?.jobVersion !== allocation.jobVersion;
  if (isRunning(before) === isRunning(allocation) && !(changed && isRunning(allocation))) return [];
  const [was, is] = [servicesOf(context, before), servicesOf(context, allocation)];
  const kept = new Set(is.map(({ id }) => id));
  const event = (type: "ServiceRegistration" | "ServiceDeregistration") => (service: (typeof is)[number]) => {
    const written = writeService(service, context.agent.node.datacenter);
    return {
      Topic: "Service" as const,
      Type: type,
      Key: service.id,
      Namespace: DEFAULT_NAMESPACE,
      FilterKeys: [allocation.jobId, service.name],
      Index: index,
      Payload: { Service: written },
    };
  };
  return [
    ...was.filter(({ id }) => !kept.has(id)).map(event("ServiceDeregistration")),
    ...is.map(event("ServiceRegistration")),
  ];
}

const isRunning = (allocation: Allocation | undefined): boolean =>
  allocation !== undefined && clientStatus(allocation) === "running";

function servicesOf({ agent }: EventContext, allocation: Allocation | undefined) {
  return allocation !== undefined && isRunning(allocation) ? agent.allocationServices(allocation) : [];
}
