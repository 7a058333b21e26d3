import { ask, type Client } from "../../client/client.ts";
import type { Allocation } from "../../client/replies.ts";
import { idText } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { isOver } from "../text/copies.ts";
import { describeLeaving } from "../text/drain.ts";

interface Following {
  /** Of the node. */
  readonly id: string;
  /** What there was before the drain was begun, which may be over already; null when it was not begun just now. */
  readonly before: readonly Allocation[] | null;
  readonly terminal: Terminal;
  /** Shows ids in full. */
  readonly verbose: boolean;
  readonly signal: AbortSignal;
}

/**
 * Shows what a drain waits for and what becomes of it, until it is over.
 * @returns the exit code. @throws the signal's reason, after it said how to come back.
 */
export async function followDrain(client: Client, following: Following): Promise<number> {
  const { id, signal } = following;
  const { err } = following.terminal;
  try {
    return await untilOver(client, following);
  } catch (error) {
    if (error instanceof Interrupted || signal.aborted) {
      err.line(`the drain of node "${id}" goes on; look with: paddock node drain -monitor`);
    }
    throw error;
  }
}

async function untilOver(client: Client, { id, before, terminal, verbose, signal }: Following): Promise<number> {
  const { out, err } = terminal;
  const shown = new Map((before ?? []).filter((one) => !isOver(one)).map(({ ID }) => [ID, ""]));
  let follows = false;
  for await (const all of client.watch(ask.allocations(), signal)) {
    // Read after the allocations: what it says is over is over for all of these.
    const { DrainStrategy: strategy, LastDrain: last } = await client.read(ask.node(id), signal);
    if (strategy === null && !follows && before === null) {
      out.line(`No drain strategy set for node "${id}"`);
      return EXIT.ok;
    }
    if (!follows) err.line(`Monitoring node "${id}": Ctrl-C to detach monitoring`);
    follows = true;
    for (const one of all) {
      const told = shown.get(one.ID);
      const over = isOver(one);
      if (told === undefined && over) continue;
      const text = over ? `has ended (${one.ClientStatus})` : describeLeaving(one, strategy);
      if (told !== text && (strategy !== null || over)) err.line(`${name(one, verbose)} ${text}`);
      shown.set(one.ID, text);
    }
    if (strategy !== null) continue;
    if (last?.Status === "complete") {
      out.line(`Drain complete for node "${id}"`);
      out.line(`All allocations on node "${id}" have stopped`);
      err.line("their jobs wait; paddock node drain -disable lets the machines come back");
      return EXIT.ok;
    }
    out.line(`Drain canceled for node "${id}"`);
    return EXIT.failed;
  }
  return EXIT.failed;
}

const name = ({ ID, Name }: Pick<Allocation, "ID" | "Name">, verbose: boolean): string =>
  `Alloc "${idText(ID, verbose)}" (${Name})`;
