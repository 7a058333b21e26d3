import { expect, test } from "bun:test";
import * as v from "valibot";
import {
  AgentHealthSchema,
  AgentSelfSchema,
  MembersSchema,
  NamespacesSchema,
} from "../../../src/contract/agent-info.ts";
import { AllocationSchema } from "../../../src/contract/allocation.ts";
import { EligibilityReplySchema, NodeSchema, NodeStubSchema } from "../../../src/contract/node.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { eventLines } from "../../helpers/event-lines.ts";
import { allocation, jobRecord, NODE } from "../../helpers/records.ts";

test("the list of nodes is this host, unless the prefix is another's", async () => {
  const { read } = testApi();
  const [node] = await read(v.array(NodeStubSchema), "/v1/nodes?prefix=d0de&os=true");
  expect(node).toMatchObject({ ID: NODE.id, Name: "host-1", Version: "1.2.3", Attributes: { "os.name": "debian" } });
  expect(await read(v.array(NodeStubSchema), "/v1/nodes?prefix=aa")).toEqual([]);
});

test("the node has its fingerprint and where it is reached", async () => {
  const node = await testApi().read(NodeSchema, `/v1/node/${NODE.id}`);
  expect(node).toMatchObject({ HTTPAddr: "127.0.0.1:4646", Status: "ready", Meta: { rack: "a1" } });
  expect(node.Attributes["driver.qemu.version"]).toBe("7.2.22");
});

test("allocations of the node are whole, with their jobs", async () => {
  const { agent, read } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation() });
  const [placed] = await read(v.array(AllocationSchema), `/v1/node/${NODE.id}/allocations`);
  expect(placed?.Job?.ID).toBe("web");
});

for (const path of ["/v1/node/no", "/v1/node/d0de0000", "/v1/node/no/allocations"]) {
  test(`GET ${path} is 404: there is one node, by its whole id`, async () => {
    expect(await refusalOf(await testApi().send("GET", path))).toEqual({ status: 404, lines: ["node not found"] });
  });
}

test("the agent tells about itself what the nomad CLI looks for", async () => {
  const { read } = testApi();
  expect((await read(AgentSelfSchema, "/v1/agent/self")).stats["client"]).toEqual({ node_id: NODE.id });
  expect((await read(AgentHealthSchema, "/v1/agent/health")).client).toEqual({ ok: true, message: "ok" });
  expect((await read(MembersSchema, "/v1/agent/members")).Members[0]).toMatchObject({
    Name: "host-1",
    Status: "alive",
  });
});

test("the cluster is one region with one namespace, led by this agent, without deployments", async () => {
  const { read } = testApi();
  expect(await read(v.array(v.string()), "/v1/regions")).toEqual(["global"]);
  expect((await read(NamespacesSchema, "/v1/namespaces")).map(({ Name }) => Name)).toEqual(["default"]);
  expect(await read(v.string(), "/v1/status/leader")).toBe("127.0.0.1:4646");
  expect(await read(v.array(v.never()), "/v1/deployments")).toEqual([]);
});

test("a node takes new machines or does not, and everything that tells of it says so", async () => {
  const { agent, read, write, send } = testApi();
  const path = `/v1/node/${NODE.id}/eligibility`;
  const stream = eventLines(await send("GET", "/v1/event/stream?topic=Node"));
  expect(await stream.next()).toEqual({});
  for (const [word, eligible] of [
    ["ineligible", false],
    ["eligible", true],
  ] as const) {
    const reply = await write(EligibilityReplySchema, "PUT", path, { NodeID: NODE.id, Eligibility: word });
    expect(reply.NodeModifyIndex).toBe(agent.changes.index);
    expect(agent.eligible).toBe(eligible);
    expect((await read(NodeSchema, `/v1/node/${NODE.id}`)).SchedulingEligibility).toBe(word);
    expect((await read(v.array(NodeStubSchema), "/v1/nodes"))[0]?.SchedulingEligibility).toBe(word);
    agent.feed.add({ index: agent.changes.index, entries: [{ kind: "node", node: NODE, change: "eligibility" }] }, 1);
    expect((await stream.events()).events).toMatchObject([
      { Type: "NodeEligibility", Payload: { Node: { SchedulingEligibility: word } } },
    ]);
  }
  await stream.cancel();
  const refused = async (target: string, body: unknown) => (await refusalOf(await send("PUT", target, body))).status;
  expect(await refused(path, { Eligibility: "perhaps" })).toBe(400);
  expect(await refused(path, { NodeID: "other", Eligibility: "eligible" })).toBe(400);
  expect(await refused("/v1/node/other/eligibility", { Eligibility: "eligible" })).toBe(404);
});

test("a node is drained, what asks says how, and everything that tells of it says so", async () => {
  const { agent, read, write, send } = testApi();
  const path = `/v1/node/${NODE.id}/drain`;
  const stream = eventLines(await send("GET", "/v1/event/stream?topic=Node"));
  expect(await stream.next()).toEqual({});
  const spec = { Deadline: 60e9, IgnoreSystemJobs: true };
  const reply = await write(EligibilityReplySchema, "PUT", path, { DrainSpec: spec, Meta: { message: "why" } });
  expect(reply.NodeModifyIndex).toBe(agent.changes.index);
  const node = await read(NodeSchema, `/v1/node/${NODE.id}`);
  expect(node).toMatchObject({
    Drain: true,
    Status: "ready",
    SchedulingEligibility: "ineligible",
    DrainStrategy: spec,
    LastDrain: { Status: "draining", AccessorID: "", Meta: { message: "why" } },
  });
  const { ForceDeadline, StartedAt } = node.DrainStrategy ?? {};
  expect(Date.parse(ForceDeadline ?? "") - Date.parse(StartedAt ?? "")).toBe(60_000);
  agent.feed.add({ index: agent.changes.index, entries: [{ kind: "node", node: NODE, change: "drain" }] }, 1);
  expect((await stream.events()).events).toMatchObject([{ Type: "NodeDrain", Payload: { Node: { Drain: true } } }]);
  await stream.cancel();
  // Go's clients leave nothing out.
  const end = { NodeID: NODE.id, DrainSpec: null, MarkEligible: true, Meta: null };
  await write(EligibilityReplySchema, "POST", path, end);
  const [stub] = await read(v.array(NodeStubSchema), "/v1/nodes");
  expect(stub).toMatchObject({ Drain: false, SchedulingEligibility: "eligible", LastDrain: { Status: "canceled" } });
  const refused = async (target: string, body: unknown) => (await refusalOf(await send("PUT", target, body))).status;
  expect(await refused(path, { DrainSpec: { Deadline: "1h" } })).toBe(400);
  expect(await refused(path, { DrainSpec: { Deadline: 1e300 } })).toBe(400);
  expect(await refused(path, { DrainSpec: spec, Meta: { message: "x".repeat(20_000) } })).toBe(400);
  expect(await refused(path, { NodeID: "other" })).toBe(400);
  expect(await refused("/v1/node/other/drain", {})).toBe(404);
  expect(await refused(`${path}?enable=true`, {})).toBe(400);
});
