import { AppError } from "../../base/errors.ts";
import { HOUR, parseDuration, SECOND } from "../../base/units.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation } from "../../client/replies.ts";
import { askSystem } from "../../client/system.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, VERBOSE_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Flags } from "../flags.ts";
import { askYesNo, canAsk } from "../terminal/prompt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { followDrain } from "./drain-progress.ts";
import { findNode, findSelf } from "./node-status.ts";

export const NODE_DRAIN: Command = {
  names: ["node drain"],
  summary: "Empty this host of machines, or let them come back",
  operands: "[ID]",
  takes: [0, 1],
  flags: [
    ADDRESS_FLAG,
    { name: "enable", help: "Takes no new machines and stops those that run; their jobs wait." },
    { name: "disable", help: "Ends it: the host takes machines again, and those that waited come back." },
    {
      name: "deadline",
      value: "DURATION",
      help: "When what still runs is stopped by force, without asking the guest; 1h unless told.",
    },
    { name: "force", help: "Stops everything by force at once, batch jobs too." },
    { name: "no-deadline", help: "Stops nothing by force, however long it takes." },
    { name: "ignore-system", help: "Leaves jobs of type system alone; without it they are stopped last." },
    { name: "keep-ineligible", help: "With -disable: the host takes no new machines until it is made eligible." },
    { name: "m", value: "MESSAGE", help: "Why, for whoever looks at the node: kept with the drain." },
    { name: "meta", value: "KEY=VALUE", repeats: true, help: "More to keep with it." },
    { name: "detach", help: "Returns as soon as the drain was asked for." },
    { name: "monitor", help: "Follows the drain that is under way, and changes nothing." },
    { name: "yes", help: "Does not ask before a node that was named by the beginning of its id." },
    { name: "self", help: "The agent's own node, which is the only one and the default." },
    VERBOSE_FLAG,
  ],
  details:
    "Makes the host ineligible and stops every machine as its job says, services all at once. There is no other host: each job waits, and its machines come back when the drain is disabled, or the node is made eligible, with their disks unless ephemeral_disk says sticky = false, as it does for several copies unless told. Batch jobs run until they end or the deadline is over. A drain goes on when the agent is started anew, and after a reboot of the host nothing starts until it is disabled. Ctrl-C leaves the drain as it is. ID is the beginning of a node's id.",
  examples: [
    "paddock node drain -enable -m 'new memory'",
    "paddock node drain -enable -deadline 10m -detach",
    "paddock node drain -monitor",
    "paddock node drain -disable",
  ],
  exits: [
    [EXIT.ok, "the host is empty, or what was asked for is done"],
    [EXIT.failed, "the drain was canceled meanwhile, or there is no agent"],
    [EXIT.SIGINT, "Ctrl-C; the drain goes on"],
  ],
  run: runNodeDrain,
};

type Wish = "enable" | "disable" | "monitor";

async function runNodeDrain(invocation: Invocation): Promise<number> {
  const { flags, operands } = invocation;
  const { terminal } = invocation.context;
  const wish = readWish(flags);
  const spec = readSpec(flags, wish);
  const meta = readMeta(flags);
  const [prefix] = operands;
  if (prefix !== undefined && flags.has("self")) {
    throw new AppError("invalid", `flag -self: expected without an ID, found ${JSON.stringify(prefix)}`);
  }
  const client = await connectAgent(invocation);
  const id = prefix === undefined ? await findSelf(client) : await findNode(client, prefix);
  const interrupt = terminal.listenForInterrupt();
  let before: readonly Allocation[] | null = null;
  try {
    if (wish !== "monitor") {
      const isSure = prefix === undefined || id === prefix || flags.has("yes");
      if (!isSure && !(await confirm(terminal, { wish, id }, interrupt.signal))) return EXIT.ok;
      before = wish === "enable" ? await client.read(ask.allocations(), interrupt.signal) : null;
      await change(client, id, { spec, meta, markEligible: wish === "disable" && !flags.has("keep-ineligible") });
      terminal.out.line(`Node "${id}" drain strategy ${wish === "enable" ? "set" : "unset"}`);
    }
    if (wish === "disable" || flags.has("detach")) return EXIT.ok;
    return await followDrain(client, {
      id,
      before,
      terminal,
      verbose: flags.has("verbose"),
      signal: interrupt.signal,
    });
  } finally {
    interrupt.release();
  }
}

interface Change {
  readonly spec: DrainSpec | null;
  readonly meta: Readonly<Record<string, string>>;
  readonly markEligible: boolean;
}

async function change(client: Client, id: string, { spec, meta, markEligible }: Change): Promise<void> {
  const body = { NodeID: id, DrainSpec: spec, MarkEligible: markEligible, Meta: meta };
  await client.change("PUT", askSystem.drain(id), body);
}

function readWish(flags: Flags): Wish {
  const given = (["enable", "disable", "monitor"] as const).filter((name) => flags.has(name));
  const [only] = given;
  if (only !== undefined && given.length === 1) return only;
  const found = given.length === 0 ? "none" : given.map((name) => `-${name}`).join(" and ");
  throw new AppError("invalid", `flags -enable, -disable and -monitor: expected one of them, found ${found}`);
}

interface DrainSpec {
  readonly Deadline: number;
  readonly IgnoreSystemJobs: boolean;
}

const OF_ENABLE = ["deadline", "force", "no-deadline", "ignore-system"];

/** Null where the drain is not to be begun. @throws AppError `invalid` for flags that do not go together. */
function readSpec(flags: Flags, wish: Wish): DrainSpec | null {
  const given = OF_ENABLE.filter((name) => flags.has(name));
  if (wish !== "enable") {
    const other = [...given, ...(wish === "monitor" ? ["keep-ineligible", "m", "meta", "detach"] : [])];
    const wrong = other.find((name) => flags.has(name));
    if (wrong === undefined) return null;
    throw new AppError("invalid", `flag -${wrong}: expected without -${wish}`);
  }
  const times = given.filter((name) => name !== "ignore-system");
  if (times.length > 1) {
    const found = times.map((name) => `-${name}`).join(" and ");
    throw new AppError("invalid", `flags -deadline, -force and -no-deadline: expected one of them, found ${found}`);
  }
  return { Deadline: readDeadline(flags), IgnoreSystemJobs: flags.has("ignore-system") };
}

/** As Nomad's CLI sends it, in nanoseconds. */
function readDeadline(flags: Flags): number {
  if (flags.has("force")) return -SECOND;
  if (flags.has("no-deadline")) return 0;
  const text = flags.text("deadline");
  if (text === undefined) return HOUR;
  const deadline = parseDuration(text);
  if (deadline !== undefined && deadline > 0) return deadline;
  throw new AppError("invalid", `flag -deadline: expected a duration above 0, found ${JSON.stringify(text)}`, {
    hint: "such as 30s, 10m or 1h; -force for none and -no-deadline for as long as it takes",
  });
}

function readMeta(flags: Flags): Record<string, string> {
  const pairs = flags.list("meta").map((text): [string, string] => {
    const at = text.indexOf("=");
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new AppError("invalid", `flag -meta: expected KEY=VALUE, found ${JSON.stringify(text)}`);
  });
  const message = flags.text("m");
  return Object.fromEntries(message === undefined ? pairs : [...pairs, ["message", message]]);
}

/** Nomad asks where the id is not written out: it may be another node than was meant. */
async function confirm(
  terminal: Terminal,
  { wish, id }: { readonly wish: Wish; readonly id: string },
  signal: AbortSignal,
): Promise<boolean> {
  const question = `${wish} drain mode for node "${id}"`;
  if (!canAsk(terminal)) {
    throw new AppError("invalid", `nobody can be asked whether to ${question}`, {
      hint: "-yes does not ask, nor does it for the whole id or none",
    });
  }
  if (await askYesNo(terminal, `Are you sure you want to ${question}?`, signal)) return true;
  terminal.err.line("nothing was changed");
  return false;
}
