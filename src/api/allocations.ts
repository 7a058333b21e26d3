import type { Context, Hono } from "hono";
import type { Agent } from "../agent/agent.ts";
import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { type PlacedAllocation, writeAllocation, writeAllocationStub } from "../contract/allocation.ts";
import { RestartRequestSchema, SignalRequestSchema } from "../contract/allocation-requests.ts";
import { writeStopReply } from "../contract/evaluation.ts";
import { writeJob } from "../contract/job-record.ts";
import type { Job } from "../job/job.ts";
import { encodeJob } from "../job/wire.ts";
import { JsonText, replyRead } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { stopOptions } from "./job/stop-options.ts";
import { Listing } from "./list/listing.ts";
import { flagParam, idPrefixParam, pathParam } from "./query.ts";
import { readBody } from "./validate.ts";

/** Routes below `/v1/allocations`, `/v1/allocation/:id` and `/v1/client/allocation/:id`. */
export function addAllocationRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/allocations", (c) => replyRead(c, context, () => listAllocations(c, context)));
  app.get("/v1/allocation/:id", (c) => replyRead(c, context, () => showAllocation(c, context)));
  app.on(["PUT", "POST"], "/v1/allocation/:id/stop", async (c) => {
    return c.json(writeStopReply(await context.agent.stopAllocation(pathParam(c, "id"), stopOptions(c))));
  });
  app.on(["PUT", "POST"], "/v1/client/allocation/:id/restart", async (c) => {
    const { body } = await readBody(c, RestartRequestSchema);
    await context.agent.restartAllocation(pathParam(c, "id"), body.TaskName ?? "");
    return c.json({});
  });
  app.on(["PUT", "POST"], "/v1/client/allocation/:id/signal", async (c) => {
    const { body } = await readBody(c, SignalRequestSchema);
    await context.agent.signalAllocation(pathParam(c, "id"), body.Task ?? "", body.Signal);
    return c.json({});
  });
}

/** An allocation with the job that it was placed for, which is null once that was purged. */
export function placedAllocation({ agent }: Pick<ApiContext, "agent">, allocation: Allocation): PlacedAllocation {
  return { allocation, job: jobOf(agent, allocation), node: agent.node };
}

/** `placedAllocation` for a list: each version of a job is looked up once. */
function placing(context: ApiContext): (allocation: Allocation) => PlacedAllocation {
  const jobs = new Map<string, Job | null>();
  return (allocation) => {
    const key = `${allocation.jobVersion} ${allocation.jobId}`;
    const known = jobs.get(key);
    const placed =
      known === undefined
        ? placedAllocation(context, allocation)
        : { allocation, job: known, node: context.agent.node };
    jobs.set(key, placed.job);
    return placed;
  };
}

function listAllocations(c: Context, context: ApiContext) {
  return writeStubs(c, context, { prefix: idPrefixParam(c) });
}

/** The stubs of allocations, for a list. Those that have ended are not read again while their text is kept. */
export function writeStubs(c: Context, context: ApiContext, filter: Parameters<Agent["allocations"]>[0]) {
  const { agent } = context;
  const resources = flagParam(c, "resources");
  const stubs = resources ? context.stubs.withResources : context.stubs.plain;
  const place = placing(context);
  const textOf = (id: string): string => stubs.get(id, agent.node) ?? writeStub(id);
  return new Listing(agent.allocationIds(filter), {
    keyOf: (id) => ({
      id,
      get createIndex() {
        return agent.allocation(id).createIndex;
      },
    }),
    thingOf: (id) => JSON.parse(textOf(id)),
    write: (ids) => new JsonText(`[${ids.map(textOf).join(",")}]`),
  });

  function writeStub(id: string): string {
    const allocation = agent.allocation(id);
    const text = JSON.stringify(writeAllocationStub(place(allocation), resources));
    if (isTerminal(allocation)) stubs.keep(id, text);
    return text;
  }
}

/** The whole allocation, as Nomad has it at `/v1/allocation/:id` and in the list of a node. */
export function wholeAllocation(context: ApiContext, allocation: Allocation) {
  const placed = placedAllocation(context, allocation);
  return writeAllocation(placed, placed.job === null ? null : jobWhenPlaced(context, allocation, placed.job));
}

function showAllocation(c: Context, context: ApiContext) {
  return wholeAllocation(context, context.agent.allocation(pathParam(c, "id")));
}

/** The record is of the newest version; of the one that was placed, job and version are kept. */
function jobWhenPlaced({ agent }: ApiContext, { jobId, jobVersion }: Allocation, job: Job) {
  const record = agent.jobs(jobId).find((candidate) => candidate.job.id === jobId);
  if (record === undefined) return null;
  return writeJob({ ...record, job, version: jobVersion }, agent.allocations({ jobId }), encodeJob(job));
}

function jobOf(agent: ApiContext["agent"], allocation: Allocation): Job | null {
  try {
    return agent.allocationJob(allocation);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return null;
    throw error;
  }
}
