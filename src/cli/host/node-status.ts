import { AppError } from "../../base/errors.ts";
import { EVERY_ADDRESS } from "../../base/every-address.ts";
import { isIdPrefix } from "../../base/ids.ts";
import { ask, type Client } from "../../client/client.ts";
import type { NodeInfo } from "../../client/replies.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignFacts } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { isOver } from "../text/copies.ts";
import { describeDrain } from "../text/drain.ts";
import { describeUse } from "../text/node-use.ts";

export const NODE_STATUS: Command = {
  names: ["node status"],
  summary: "Show this host: driver, resources, attributes, metadata",
  operands: "[ID]",
  takes: [0, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "self", help: "The agent's own node, which is the only one and the default." },
    { name: "json", data: true, help: "The node, as the API has it." },
  ],
  details:
    "Shows whether this host can run machines, how much of what it has for them is allocated, and the attributes that constraints of a job are compared with. ID is the beginning of a node's id.",
  examples: ["paddock node status", "paddock node status -json", "paddock node status -t '{{.Attributes}}'"],
  run: runNodeStatus,
};

async function runNodeStatus(invocation: Invocation): Promise<number> {
  const { out } = invocation.context.terminal;
  const client = await connectAgent(invocation);
  const [prefix] = invocation.operands;
  if (prefix !== undefined && invocation.flags.has("self")) {
    throw new AppError("invalid", `flag -self: expected without an ID, found ${JSON.stringify(prefix)}`);
  }
  const question = ask.node(prefix === undefined ? await findSelf(client) : await findNode(client, prefix));
  if (invocation.flags.has("json")) printJson(out, await client.readJson(question.target));
  else await printNode(client, await client.read(question), out);
  return EXIT.ok;
}

/** The id of the agent's own node. @throws AppError `not_found` when it has none. */
export async function findSelf(client: Client): Promise<string> {
  const id = (await client.read(ask.self())).stats["client"]?.["node_id"];
  if (id !== undefined) return id;
  throw new AppError("not_found", "the agent has no node of its own", { hint: "name one: paddock node status ID" });
}

/** The id of the node whose id begins so. @throws AppError `not_found`, `conflict` when several do. */
export async function findNode(client: Client, prefix: string): Promise<string> {
  const nodes = prefix !== "" && isIdPrefix(prefix) ? await client.read(ask.nodes(prefix)) : [];
  const [only] = nodes;
  if (only !== undefined && nodes.length === 1) return only.ID;
  if (only === undefined) throw new AppError("not_found", `no node's id begins with "${prefix}"`);
  throw new AppError("conflict", `several nodes begin with "${prefix}"`, { hint: "write more of the id" });
}

async function printNode(client: Client, node: NodeInfo, out: Output): Promise<void> {
  const facts: [string, Piece][] = [
    ["ID", node.ID],
    ["Name", node.Name],
    ["Class", node.NodeClass || "<none>"],
    ["Datacenter", node.Datacenter],
    ["Status", statusPiece(node.Status)],
    ["Eligibility", node.SchedulingEligibility],
    ["Drain", describeDrain(node)],
  ];
  for (const [name, driver] of Object.entries(node.Drivers)) {
    const state = driver.Healthy ? "healthy" : driver.Detected ? "unhealthy" : "not found";
    // Nomad's drivers describe their health with the word itself.
    const said = driver.HealthDescription;
    const text = said.toLowerCase().startsWith(state)
      ? said.toLowerCase().slice(0, state.length) + said.slice(state.length)
      : `${state}: ${said}`;
    facts.push([`Driver ${name}`, { text, style: driver.Healthy ? "green" : "red" }]);
  }
  for (const line of alignFacts(facts, out.columns)) out.line(...line);
  const live = (await client.read(ask.allocations())).filter((allocation) => !isOver(allocation));
  for (const line of describeUse(node, live, out.columns)) out.line(...line);
  printMap("Host networks", addressesOf(node), out);
  printMap("Attributes", shortenLists(node.Attributes), out);
  printMap("Meta", node.Meta, out);
}

/** The addresses that jobs may bind ports to; nothing while there is only the default. */
function addressesOf({ NodeResources }: NodeInfo): Record<string, string> {
  const all = (NodeResources?.NodeNetworks ?? []).flatMap(({ Addresses }) => Addresses);
  const isDefault = ({ Alias, Address }: (typeof all)[number]): boolean =>
    Alias === "default" && Address === EVERY_ADDRESS;
  return all.every(isDefault) ? {} : Object.fromEntries(all.map(({ Alias, Address }) => [Alias, Address]));
}

/** A QEMU has sixty machine types; the longest list that is printed whole has so many characters. */
const LONGEST_LIST = 200;
const SHOWN = 60;

/** Long comma lists with their beginning and their length. */
function shortenLists(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (value.length <= LONGEST_LIST || !value.includes(",")) return [name, value];
      const end = value.lastIndexOf(",", SHOWN);
      return [name, `${value.slice(0, end + 1)}… (${value.split(",").length} in all: -json shows them)`];
    }),
  );
}

function printMap(title: string, values: Readonly<Record<string, string>>, out: Output): void {
  const entries = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return;
  out.line();
  out.line({ text: title, style: "bold" });
  for (const line of alignFacts(entries, out.columns)) out.line(...line);
}
