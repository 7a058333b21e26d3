import * as v from "valibot";
import type { Allocation } from "../allocation/allocation.ts";
import { type CheckReport, healthOf } from "../allocation/check.ts";
import { CountSchema, DEFAULT_NAMESPACE, IdSchema, TimestampSchema, writeTimestamp } from "./scalars.ts";

/** Nomad's `CheckQueryResult`, and by its side how the check is run. */
export const CheckResultSchema = v.object({
  ID: v.string(),
  Check: v.string(),
  Service: v.string(),
  /** The name of the allocation, in Nomad too. */
  Group: v.string(),
  /** Absent for a service of the group. */
  Task: v.optional(v.string()),
  Mode: v.picklist(["healthiness", "readiness"]),
  Status: v.picklist(["pending", "success", "failure"]),
  /** Absent without a reply over HTTP. */
  StatusCode: v.optional(CountSchema),
  Output: v.string(),
  /** Seconds since 1970. */
  Timestamp: CountSchema,
  Paddock: v.object({
    Type: v.picklist(["tcp", "http"]),
    /** Host and port that are asked. */
    Address: v.string(),
    /** Failures in a row that count for a restart, and how many restart; 0 for never. */
    Unhealthy: CountSchema,
    Limit: CountSchema,
  }),
});
export type WireCheckResult = v.InferOutput<typeof CheckResultSchema>;

/** Of `GET /v1/client/allocation/:id/checks`: by the ids of the checks. */
export const CheckResultsSchema = v.record(v.string(), CheckResultSchema);

export function writeCheckResults(
  allocation: Allocation,
  reports: readonly CheckReport[],
): Record<string, WireCheckResult> {
  return Object.fromEntries(reports.map((report) => [report.spec.id, writeCheckResult(allocation, report)] as const));
}

function writeCheckResult({ name }: Allocation, { spec, state }: CheckReport): WireCheckResult {
  const { host, port } = spec.probe;
  return {
    ID: spec.id,
    Check: spec.name,
    Service: spec.service,
    Group: name,
    ...(spec.task === "" ? {} : { Task: spec.task }),
    Mode: spec.mode,
    Status: state.status,
    ...(state.statusCode === 0 ? {} : { StatusCode: state.statusCode }),
    Output: state.output,
    Timestamp: Math.floor(state.at / 1000),
    Paddock: {
      Type: spec.probe.type,
      Address: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
      Unhealthy: state.unhealthy,
      Limit: spec.limit,
    },
  };
}

/** Nomad's `AllocDeploymentStatus`; there are no deployments, but its health is what its clients show. */
export const HealthSchema = v.nullable(
  v.object({
    /** null while a check is pending. */
    Healthy: v.nullable(v.boolean()),
    Timestamp: TimestampSchema,
    Canary: v.boolean(),
    ModifyIndex: CountSchema,
  }),
);

/** The health of an allocation by its checks; null when no check of it says anything of that. */
export function writeHealth({ checks = [], modifyIndex }: Allocation): v.InferOutput<typeof HealthSchema> {
  const healthiness = checks.filter(({ spec }) => spec.mode === "healthiness");
  if (healthiness.length === 0) return null;
  const at = Math.max(...healthiness.map(({ state }) => state.at));
  return {
    Healthy: healthOf(healthiness),
    Timestamp: writeTimestamp(Math.round(at)),
    Canary: false,
    ModifyIndex: modifyIndex,
  };
}

/** A service that runs, as the agent knows it. */
export interface RegisteredService {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly address: string;
  readonly port: number;
  readonly allocation: Allocation;
}

/** Nomad's `ServiceRegistration`. */
export const ServiceSchema = v.object({
  ID: v.string(),
  ServiceName: v.string(),
  Namespace: v.string(),
  NodeID: v.string(),
  Datacenter: v.string(),
  JobID: v.string(),
  AllocID: IdSchema,
  Tags: v.array(v.string()),
  Address: v.string(),
  Port: CountSchema,
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
});

export function writeService(service: RegisteredService, datacenter: string): v.InferOutput<typeof ServiceSchema> {
  const { allocation } = service;
  return {
    ID: service.id,
    ServiceName: service.name,
    Namespace: DEFAULT_NAMESPACE,
    NodeID: allocation.nodeId,
    Datacenter: datacenter,
    JobID: allocation.jobId,
    AllocID: allocation.id,
    Tags: [...service.tags],
    Address: service.address,
    Port: service.port,
    CreateIndex: allocation.createIndex,
    ModifyIndex: allocation.createIndex,
  };
}

/** Of `GET /v1/services`: the names in each namespace, with the tags that any service of the name has. */
export const ServiceListSchema = v.array(
  v.object({
    Namespace: v.string(),
    Services: v.array(v.object({ ServiceName: v.string(), Tags: v.array(v.string()) })),
  }),
);

export function writeServiceList(services: readonly RegisteredService[]): v.InferOutput<typeof ServiceListSchema> {
  if (services.length === 0) return [];
  const tags = new Map<string, Set<string>>();
  for (const service of services) {
    const known = tags.get(service.name) ?? new Set();
    for (const tag of service.tags) known.add(tag);
    tags.set(service.name, known);
  }
  const names = [...tags].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    {
      Namespace: DEFAULT_NAMESPACE,
      Services: names.map(([ServiceName, own]) => ({ ServiceName, Tags: [...own].toSorted() })),
    },
  ];
}
