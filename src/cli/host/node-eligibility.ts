import { AppError } from "../../base/errors.ts";
import { askSystem } from "../../client/system.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth } from "../flags.ts";
import { findNode, findSelf } from "./node-status.ts";

export const NODE_ELIGIBILITY: Command = {
  names: ["node eligibility"],
  summary: "Say whether this host takes new machines",
  operands: "[ID]",
  takes: [0, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "enable", help: "Machines may be placed here; what waited for that begins." },
    { name: "disable", help: "No machine is placed here any more, until -enable; jobs that need one wait." },
    { name: "self", help: "The agent's own node, which is the only one and the default." },
  ],
  details:
    "Machines that run go on, and their restart policies start them again. It stays so when the agent is started anew. paddock node drain stops what runs as well. ID is the beginning of a node's id.",
  examples: ["paddock node eligibility -disable", "paddock node eligibility -enable"],
  run: runNodeEligibility,
};

async function runNodeEligibility(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  assertNotBoth(flags, "enable", "disable");
  const eligible = flags.has("enable");
  if (!eligible && !flags.has("disable")) {
    throw new AppError("invalid", "flags -enable and -disable: expected one of them, found none");
  }
  const [prefix] = operands;
  if (prefix !== undefined && flags.has("self")) {
    throw new AppError("invalid", `flag -self: expected without an ID, found ${JSON.stringify(prefix)}`);
  }
  const client = await connectAgent(invocation);
  const id = prefix === undefined ? await findSelf(client) : await findNode(client, prefix);
  const word = eligible ? "eligible" : "ineligible";
  await client.change("PUT", askSystem.eligibility(id), { NodeID: id, Eligibility: word });
  context.terminal.out.line(`Node "${id}" scheduling eligibility set: ${word} for scheduling`);
  return EXIT.ok;
}
