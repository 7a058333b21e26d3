import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { shellWord } from "../../base/text.ts";
import type { Client } from "../../client/client.ts";
import { ask } from "../../client/client.ts";
import type { Explanation, Forward } from "../../client/explanation.ts";
import type { Allocation, Machine, TaskState } from "../../client/replies.ts";
import { idText } from "../command.ts";
import { healthText, machineStatus } from "../machine/ps.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignFacts, alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatSpan, formatTime, spanSince } from "../terminal/time.ts";
import { diskText } from "./disk.ts";
import { eventText } from "./events.ts";
import { guestSentence } from "./guest.ts";
import { describeForwards, listPorts } from "./ports.ts";
import { describeEnding } from "./receipt.ts";

/** Prints an allocation with its machines: what they do, what is forwarded, what happened, and how they ended. */
export async function printAllocation(
  client: Client,
  allocation: Allocation,
  out: Output,
  verbose: boolean,
): Promise<void> {
  const facts: [string, Piece][] = [
    ["Allocation", idText(allocation.ID, verbose)],
    ["Name", allocation.Name],
    ["Job", allocation.JobID],
    ["Node", allocation.NodeName],
    ["Desired", allocation.DesiredStatus],
    ["Status", statusPiece(allocation.ClientStatus)],
    ["Created", formatTime(allocation.CreateTime)],
    ["Changed", formatTime(allocation.ModifyTime)],
  ];
  const health = healthText(allocation);
  if (health !== null) facts.push(["Health", statusPiece(health)]);
  for (const line of alignFacts(facts, out.columns)) out.line(...line);
  for (const [name, task] of Object.entries(allocation.TaskStates)) {
    out.line();
    await printTask(client, { allocation, name, task }, out);
  }
}

/** What QEMU runs as. */
export function userText(user: Machine["User"]): string {
  return user === null ? "the agent's own" : `${user.Uid}, group ${user.Gid}`;
}

interface TaskView {
  readonly allocation: Allocation;
  readonly name: string;
  readonly task: TaskState;
}

async function printTask(client: Client, { allocation, name, task }: TaskView, out: Output): Promise<void> {
  out.line({ text: `Task "${name}": `, style: "bold" }, statusPiece(machineStatus(task)));
  const machine = task.Paddock;
  const up = task.State === "running" ? spanSince(task.StartedAt, Date.now()) : undefined;
  const facts: [string, Piece][] = [];
  if (machine?.Guest) facts.push(["Guest", guestSentence(machine)]);
  if (machine?.Pid)
    facts.push(["PID", `${machine.Pid}${machine.Adopted ? " (adopted: an earlier agent started it)" : ""}`]);
  if (machine?.Pid) facts.push(["User", userText(machine.User)]);
  if (up !== undefined) facts.push(["Up", formatSpan(up)]);
  const explanation = task.State === "running" ? await readExplanation(client, allocation, name) : undefined;
  if (explanation?.Image) facts.push(["Disk", diskText(explanation.Image)]);
  for (const line of alignFacts(facts, out.columns)) out.line(...line);
  printPorts({ allocation, name, task }, explanation?.Forwards ?? [], out);
  if (machine?.Ending) {
    for (const line of describeEnding(machine.Ending, out.columns)) out.line(...line);
    const several = Object.keys(allocation.TaskStates).length > 1;
    const machineName = shellWord(several ? `${shortId(allocation.ID)}/${name}` : shortId(allocation.ID));
    out.line({ text: `paddock why ${machineName} tells all that is known of it`, style: "dim" });
  }
  if (task.Events.length > 0) {
    out.line();
    const rows = task.Events.toReversed().map((event): Piece[] => [
      formatTime(event.Time),
      event.FailsTask ? { text: event.Type, style: "red" } : event.Type,
      eventText(event),
    ]);
    for (const line of alignTable(["Recent events", "Type", "Description"], rows, out.columns)) out.line(...line);
  }
}

function printPorts({ allocation, name, task }: TaskView, forwards: readonly Forward[], out: Output): void {
  if (task.State === "dead") return;
  if (forwards.length > 0) {
    out.line("Ports");
    for (const line of describeForwards(forwards, "  ")) out.line(...line);
  } else if (listPorts(allocation, name) !== "") out.line(`Ports: ${listPorts(allocation, name)}`);
}

/** What is forwarded into a machine; nothing while it was not started. */
export async function readForwards(client: Client, allocation: Allocation, task: string): Promise<readonly Forward[]> {
  return (await readExplanation(client, allocation, task))?.Forwards ?? [];
}

/** How a machine was started; undefined while it was not. */
export async function readExplanation(
  client: Client,
  allocation: Pick<Allocation, "ID">,
  task: string,
): Promise<Explanation | undefined> {
  try {
    return await client.read(ask.explain(allocation.ID, task));
  } catch (error) {
    // A real Nomad does not know the question, a machine that was never started has no answer.
    if (error instanceof AppError && (error.code === "not_found" || error.code === "unsupported")) return undefined;
    throw error;
  }
}
