import type { Context, Hono } from "hono";
import { requireTask } from "../agent/operate.ts";
import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { PowerRequestSchema, writeExplain, writePowerReply, writeReceipt } from "../contract/machine.ts";
import { writeWhy } from "../contract/why.ts";
import { defaultAttributes } from "../job/defaults.ts";
import { placedAllocation } from "./allocations.ts";
import { replyRead } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { countParam, pathParam } from "./query.ts";
import { readBody } from "./validate.ts";

/** What Nomad has no word for: routes below `/v1/vm/:alloc/:task`. */
export function addMachineRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/vm/:alloc/:task/receipt", (c) =>
    replyRead(c, context, () => showReceipt(context, pathParam(c, "alloc"), pathParam(c, "task"))),
  );
  app.get("/v1/vm/:alloc/:task/explain", (c) =>
    replyRead(c, context, () => showPlan(context, pathParam(c, "alloc"), pathParam(c, "task"))),
  );
  app.on(["PUT", "POST"], "/v1/vm/:alloc/:task/power", async (c) => {
    const { body } = await readBody(c, PowerRequestSchema);
    const outcome = await context.agent.powerMachine(pathParam(c, "alloc"), pathParam(c, "task"), body.Action);
    return c.json(writePowerReply(outcome));
  });
  app.get("/v1/vm/:alloc/:task/why", (c) => replyRead(c, context, () => showWhy(c, context)));
  app.get("/v1/vm/:alloc/:task/journal", (c) => sendJournal(c, context));
}

/** @throws AppError `not_found` when there is no such allocation or it has no such task. */
export function findTask(
  { agent }: ApiContext,
  allocationId: string,
  name: string,
): { readonly allocation: Allocation; readonly task: TaskRecord } {
  const allocation = agent.allocation(allocationId);
  return { allocation, task: requireTask(allocation, name) };
}

function showReceipt(context: ApiContext, allocationId: string, name: string) {
  const { allocation, task } = findTask(context, allocationId, name);
  if (task.machine.kind !== "ended") {
    throw new AppError("not_found", `there is no receipt yet: the machine of task "${name}" has not ended`);
  }
  return writeReceipt(allocation.id, name, task.machine.ending);
}

function showPlan(context: ApiContext, allocationId: string, name: string) {
  const { allocation } = findTask(context, allocationId, name);
  const plan = context.agent.launchPlan(allocation.id, name);
  const { job } = placedAllocation(context, allocation);
  const task = job?.groups.find((group) => group.name === allocation.group)?.tasks.find((one) => one.name === name);
  return writeExplain(plan, task === undefined ? [] : defaultAttributes(task));
}

function showWhy(c: Context, context: ApiContext) {
  const { allocation } = findTask(context, pathParam(c, "alloc"), pathParam(c, "task"));
  const generation = c.req.query("generation") ? countParam(c, "generation", 0) : undefined;
  return writeWhy(context.agent.why(allocation.id, pathParam(c, "task"), generation));
}

/** The raw journal of a start: what QEMU's monitor told, in its own lines. */
async function sendJournal(c: Context, context: ApiContext): Promise<Response> {
  const { allocation, task } = findTask(context, pathParam(c, "alloc"), pathParam(c, "task"));
  const newest = task.machine.kind === "pending" ? 1 : task.machine.generation;
  const bytes = await context.agent.journal(allocation.id, pathParam(c, "task"), countParam(c, "generation", newest));
  return new Response(new Uint8Array(bytes), {
    headers: { "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff" },
  });
}
