import * as v from "valibot";
import type { Node } from "../node/node.ts";
import type { NodeFacts } from "./node.ts";
import { CountSchema, DEFAULT_NAMESPACE, TextMapSchema } from "./scalars.ts";

export const MemberSchema = v.object({
  Name: v.string(),
  Addr: v.string(),
  Port: CountSchema,
  Status: v.literal("alive"),
  Tags: TextMapSchema,
});

/** Reply of `GET /v1/agent/members`: this agent alone. */
export const MembersSchema = v.object({
  ServerName: v.string(),
  ServerRegion: v.string(),
  ServerDC: v.string(),
  Members: v.array(MemberSchema),
});
export type WireMembers = v.InferOutput<typeof MembersSchema>;

/** Reply of `GET /v1/agent/self`; `stats.client.node_id` is what `nomad node status -self` looks for. */
export const AgentSelfSchema = v.object({
  config: v.object({
    Region: v.string(),
    Datacenter: v.string(),
    NodeName: v.string(),
    Version: v.object({ Version: v.string() }),
  }),
  member: MemberSchema,
  stats: v.record(v.string(), TextMapSchema),
});
export type WireAgentSelf = v.InferOutput<typeof AgentSelfSchema>;

const HealthSchema = v.object({ ok: v.boolean(), message: v.string() });

/** Reply of `GET /v1/agent/health`. */
export const AgentHealthSchema = v.object({ client: HealthSchema, server: HealthSchema });
export type WireAgentHealth = v.InferOutput<typeof AgentHealthSchema>;

/** Reply of `GET /v1/namespaces`: Nomad's one that is always there. */
export const NamespacesSchema = v.array(
  v.object({ Name: v.string(), Description: v.string(), CreateIndex: CountSchema, ModifyIndex: CountSchema }),
);
export type WireNamespaces = v.InferOutput<typeof NamespacesSchema>;

/** Reply of `GET /v1/regions`. */
export const RegionsSchema = v.array(v.string());

/** Reply of `GET /v1/status/leader`: `host:port` of this agent, "" where it listens on its unix socket alone. */
export const LeaderSchema = v.string();

/** Reply of `GET /v1/deployments`: there are none. */
export const DeploymentsSchema = v.array(v.never());

/** Reply of `GET /v1/job/:id/deployment`, and so is there none of a job. */
export const JobDeploymentSchema = v.null();

/** The one region that this agent is. */
export const REGION = "global";

export const NAMESPACES: WireNamespaces = [
  { Name: DEFAULT_NAMESPACE, Description: "Default shared namespace", CreateIndex: 1, ModifyIndex: 1 },
];

/** The cluster's members: this agent. */
export function writeMembers(node: Node, facts: NodeFacts): WireMembers {
  return {
    ServerName: node.name,
    ServerRegion: REGION,
    ServerDC: node.datacenter,
    Members: [writeMember(node, facts)],
  };
}

/** What this agent is. */
export function writeAgentSelf(node: Node, facts: NodeFacts): WireAgentSelf {
  return {
    config: {
      Region: REGION,
      Datacenter: node.datacenter,
      NodeName: node.name,
      Version: { Version: facts.version },
    },
    member: writeMember(node, facts),
    stats: { client: { node_id: node.id }, paddock: { version: facts.version } },
  };
}

/** Of an agent that answers at all: well, as client and as server. */
export function writeAgentHealth(): WireAgentHealth {
  const fine = { ok: true, message: "ok" };
  return { client: fine, server: fine };
}

function writeMember(node: Node, facts: NodeFacts): v.InferOutput<typeof MemberSchema> {
  return {
    Name: node.name,
    Addr: node.attributes["unique.network.ip-address"] ?? "",
    Port: 0,
    Status: "alive",
    Tags: { role: "paddock", build: facts.version, dc: node.datacenter, region: REGION },
  };
}
