import type { Context, Hono } from "hono";
import { AppError } from "../base/errors.ts";
import { NAMESPACES, REGION, writeAgentHealth, writeAgentSelf, writeMembers } from "../contract/agent-info.ts";
import { DrainRequestSchema } from "../contract/drain.ts";
import { EligibilityRequestSchema, writeEligibilityReply, writeNode, writeNodeStub } from "../contract/node.ts";
import { noteAbout } from "./access/audit.ts";
import { besideOf } from "./access/caller.ts";
import { wholeAllocation } from "./allocations.ts";
import { replyRead } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { flagParam, idPrefixParam, pathParam } from "./query.ts";
import { readBody } from "./validate.ts";

/** Routes about this host and this agent, and about the cluster that they are the whole of. */
export function addNodeRoutes(app: Hono, context: ApiContext): void {
  const { agent, factsFor } = context;
  const serve = (path: string, read: (c: Context) => unknown): void => {
    app.get(path, (c) => replyRead(c, context, () => read(c)));
  };
  serve("/v1/nodes", (c) => listNodes(c, context));
  serve("/v1/node/:id", (c) => {
    assertNode(c, context);
    return writeNode(agent.node, factsFor(c));
  });
  app.on(["PUT", "POST"], "/v1/node/:id/eligibility", (c) => changeEligibility(c, context));
  app.on(["PUT", "POST"], "/v1/node/:id/drain", (c) => changeDrain(c, context));
  serve("/v1/node/:id/allocations", (c) => {
    assertNode(c, context);
    return agent.allocations({}).map((allocation) => wholeAllocation(context, allocation));
  });
  serve("/v1/agent/self", (c) => writeAgentSelf(agent.node, factsFor(c)));
  serve("/v1/agent/health", () => writeAgentHealth());
  serve("/v1/agent/members", (c) => writeMembers(agent.node, factsFor(c)));
  serve("/v1/status/leader", (c) => factsFor(c).httpAddress);
  serve("/v1/regions", () => [REGION]);
  serve("/v1/namespaces", () => NAMESPACES);
  serve("/v1/deployments", () => []);
}

async function changeEligibility(c: Context, context: ApiContext): Promise<Response> {
  const { body } = await readBody(c, EligibilityRequestSchema);
  assertNode(c, context);
  assertSame(body, context);
  return c.json(writeEligibilityReply(await context.agent.setEligible(body.Eligibility === "eligible")));
}

async function changeDrain(c: Context, context: ApiContext): Promise<Response> {
  if (c.req.query("enable") !== undefined) {
    throw new AppError("unsupported", "the parameter enable, as of Nomad 0.7, is not supported", {
      hint: "send a body with a DrainSpec, or without one to end the drain",
    });
  }
  const { body } = await readBody(c, DrainRequestSchema);
  assertNode(c, context);
  assertSame(body, context);
  const { DrainSpec, MarkEligible, Meta } = body;
  const beside = besideOf(c);
  noteAbout(beside, { Drain: DrainSpec === null ? "disable" : "enable" });
  const index = await context.agent.setDrain({
    spec: DrainSpec && { deadline: DrainSpec.Deadline, ignoreSystem: DrainSpec.IgnoreSystemJobs === true },
    markEligible: MarkEligible === true,
    accessor: beside.caller.kind === "token" ? beside.caller.token.accessor : "",
    meta: Meta ?? {},
  });
  return c.json(writeEligibilityReply(index));
}

function assertSame({ NodeID }: { readonly NodeID: string | null }, { agent }: ApiContext): void {
  if (NodeID === null || NodeID === "" || NodeID === agent.node.id) return;
  throw new AppError("invalid", "NodeID is not the one in the path of the request");
}

function listNodes(c: Context, { agent, factsFor }: ApiContext) {
  const wanted = { os: flagParam(c, "os"), resources: flagParam(c, "resources") };
  const matches = agent.node.id.startsWith(idPrefixParam(c));
  return matches ? [writeNodeStub(agent.node, factsFor(c), wanted)] : [];
}

function assertNode(c: Context, { agent }: ApiContext): void {
  if (pathParam(c, "id") !== agent.node.id) throw new AppError("not_found", "node not found");
}
