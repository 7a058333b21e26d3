import type { Hono } from "hono";
import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { PowerRequestSchema, writeExplain, writePowerReply, writeReceipt } from "../contract/machine.ts";
import { replyRead } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { pathParam } from "./query.ts";
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
}

/** @throws AppError `not_found` when there is no such allocation or it has no such task. */
export function findTask(
  { agent }: ApiContext,
  allocationId: string,
  name: string,
): { readonly allocation: Allocation; readonly task: TaskRecord } {
  const allocation = agent.allocation(allocationId);
  const task = Object.hasOwn(allocation.tasks, name) ? allocation.tasks[name] : undefined;
  if (task !== undefined) return { allocation, task };
  throw new AppError("not_found", `allocation ${shortId(allocation.id)} has no such task`, {
    hint: `its tasks: ${Object.keys(allocation.tasks).join(", ")}`,
  });
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
  return writeExplain(context.agent.launchPlan(allocation.id, name));
}
