import type { Context, Hono } from "hono";
import { writeAllocationStub } from "../../contract/allocation.ts";
import { writeEvaluation } from "../../contract/evaluation.ts";
import { compileFilter } from "../../filter/filter.ts";
import { placedAllocation } from "../allocations.ts";
import { replyRead } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { flagParam, idPrefixParam, pathParam } from "../query.ts";

/** Routes below `/v1/evaluations` and `/v1/evaluation/:id`. */
export function addEvaluationRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/evaluations", (c) => replyRead(c, context, () => listEvaluations(c, context)));
  app.get("/v1/evaluations/count", (c) => replyRead(c, context, () => countEvaluations(c, context)));
  app.get("/v1/evaluation/:id", (c) => replyRead(c, context, () => showEvaluation(c, context)));
  app.get("/v1/evaluation/:id/allocations", (c) => replyRead(c, context, () => listPlaced(c, context)));
}

function listEvaluations(c: Context, { agent }: ApiContext) {
  const prefix = idPrefixParam(c);
  const jobId = c.req.query("job");
  const status = c.req.query("status") ?? "";
  const namespaces = new Map(agent.jobs("").map(({ job }) => [job.id, job.namespace]));
  return agent
    .evaluations(jobId === undefined ? {} : { jobId })
    .filter((evaluation) => evaluation.id.startsWith(prefix) && (status === "" || evaluation.status === status))
    .map((evaluation) => writeEvaluation(evaluation, namespaces.get(evaluation.jobId)));
}

function countEvaluations(c: Context, context: ApiContext) {
  const list = listEvaluations(c, context);
  const expression = c.req.query("filter");
  return { Count: expression ? list.filter(compileFilter(expression)).length : list.length };
}

function showEvaluation(c: Context, { agent }: ApiContext) {
  const evaluation = agent.evaluation(pathParam(c, "id"));
  const record = agent.jobs(evaluation.jobId).find(({ job }) => job.id === evaluation.jobId);
  return writeEvaluation(evaluation, record?.job.namespace);
}

function listPlaced(c: Context, context: ApiContext) {
  const evaluation = context.agent.evaluation(pathParam(c, "id"));
  const resources = flagParam(c, "resources");
  return context.agent
    .allocations({ jobId: evaluation.jobId })
    .filter(({ evalId }) => evalId === evaluation.id)
    .map((allocation) => writeAllocationStub(placedAllocation(context, allocation), resources));
}
