import type { Context, Hono } from "hono";
import type { Allocation } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { writeMetrics } from "../contract/metrics.ts";
import { writeAllocationUsage, writeHostUsage } from "../contract/usage.ts";
import { build } from "../runtime/build.ts";
import { EXPOSITION_TYPE, writeExposition } from "../stats/metric.ts";
import { readProcessOf, secondsOf } from "../stats/process.ts";
import { placedAllocation } from "./allocations.ts";
import { readHeaders } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { findTask } from "./machines.ts";
import { type Granted, listMetrics } from "./metric-list.ts";
import { flagParam, pathParam, wordParam } from "./query.ts";

/** What machines, host and agent take. Nothing here is a record: there is no waiting for a change of it. */
export function addStatsRoutes(app: Hono, context: ApiContext): void {
  const { agent } = context;
  app.get("/v1/client/allocation/:id/stats", async (c) =>
    c.json(await showUsage(c, context), 200, readHeaders(context)),
  );
  app.get("/v1/client/stats", async (c) => {
    const wanted = c.req.query("node_id");
    if (wanted && wanted !== agent.node.id) throw new AppError("not_found", "node not found");
    return c.json(writeHostUsage(await agent.hostUsage(), agent.node.attributes), 200, readHeaders(context));
  });
  app.get("/v1/metrics", (c) => showMetrics(c, context));
}

async function showUsage(c: Context, context: ApiContext) {
  const { agent, clock } = context;
  const { id } = agent.allocation(pathParam(c, "id"));
  const only = c.req.query("task");
  if (only) findTask(context, id, only);
  const detail = flagParam(c, "detail");
  const found = await agent.allocationUsage(id, { detail });
  const told = only ? found.filter(({ task }) => task === only) : found;
  return writeAllocationUsage(told, agent.node.attributes, clock.now());
}

async function showMetrics(c: Context, context: ApiContext): Promise<Response> {
  const { agent, clock, facts } = context;
  const format = wordParam(c, "format", ["json", "prometheus"], "json");
  const measured = await agent.measure();
  const own = readProcessOf("self");
  const startedAt = facts.startedAt / 1000;
  const metrics = listMetrics({
    ...measured,
    node: agent.node,
    grantedTo: granter(context),
    agent: {
      version: facts.version,
      commit: build.commit,
      resident: own?.memory.rss ?? 0,
      cpuSeconds: own === null ? 0 : secondsOf(own.time),
      startedAt,
      load: context.load,
    },
  });
  if (format === "prometheus") return c.body(writeExposition(metrics), 200, { "content-type": EXPOSITION_TYPE });
  return c.json(writeMetrics(metrics, clock.now(), clock.now() / 1000 - startedAt));
}

const MIB = 1 << 20;

/** What jobs gave their tasks; each allocation's job is looked up once. */
function granter(context: ApiContext): (allocation: Allocation, task: string) => Granted | undefined {
  const jobs = new Map<string, ReturnType<typeof placedAllocation>["job"]>();
  return (allocation, name) => {
    const job = jobs.get(allocation.id) ?? placedAllocation(context, allocation).job;
    jobs.set(allocation.id, job);
    const group = job?.groups.find((candidate) => candidate.name === allocation.group);
    const resources = group?.tasks.find((candidate) => candidate.name === name)?.resources;
    return resources === undefined ? undefined : { cpu: resources.cpu, memory: resources.memory * MIB };
  };
}
