import { AppError } from "../../base/errors.ts";
import { SECOND } from "../../base/units.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Allocation, Check } from "../../client/replies.ts";
import {
  ADDRESS_FLAG,
  type Command,
  connectAgent,
  type Invocation,
  idText,
  JSON_FLAG,
  VERBOSE_FLAG,
} from "../command.ts";
import { EXIT } from "../exit.ts";
import { ALLOCATION_FORMS, requireAllocation } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignFacts, alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";

export const ALLOC_CHECKS: Command = {
  names: ["alloc checks", "checks"],
  summary: "Show what the health checks of an allocation say",
  operands: "ALLOCATION",
  takes: [1, 1],
  flags: [ADDRESS_FLAG, JSON_FLAG, VERBOSE_FLAG],
  details: `${ALLOCATION_FORMS} Shows the last result of each check of its services; checks are pending while the machine does not run, and an allocation that has ended has none.`,
  examples: ["paddock alloc checks 1f2e3d4c", "paddock alloc checks -json 1f2e3d4c"],
  run: runChecks,
};

async function runChecks(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { out } = context.terminal;
  const client = await connectAgent(invocation);
  const { ID } = await requireAllocation(client, operands[0] ?? "");
  const question = ask.checks(ID);
  if (flags.has("json")) {
    printJson(out, await client.readJson(question.target));
    return EXIT.ok;
  }
  const checks = Object.values(await client.read(question));
  out.line(`Status of ${checks.length} service ${checks.length === 1 ? "check" : "checks"}`);
  for (const check of checks) {
    out.line();
    for (const line of alignFacts(factsOf(check, flags.has("verbose")), out.columns)) out.line(...line);
  }
  return EXIT.ok;
}

function factsOf(check: Check, verbose: boolean): [string, Piece][] {
  const { Paddock: own } = check;
  return [
    ["ID", idText(check.ID, verbose)],
    ["Name", check.Check],
    ["Group", check.Group],
    ["Task", check.Task || "(group)"],
    ["Service", check.Service],
    ...(own === null ? [] : [["Asks", `${own.Type} ${own.Address}`] as [string, Piece]]),
    ["Status", statusPiece(check.Status)],
    ...(check.StatusCode > 0 ? [["StatusCode", String(check.StatusCode)] as [string, Piece]] : []),
    ["Mode", check.Mode],
    ...(own !== null && own.Limit > 0 ? [["Restart", restartText(own)] as [string, Piece]] : []),
    ["Timestamp", formatTime(check.Timestamp * SECOND)],
    ["Output", check.Output],
  ];
}

function restartText({ Unhealthy, Limit }: { readonly Unhealthy: number; readonly Limit: number }): string {
  return `after ${Limit} ${Limit === 1 ? "failure" : "failures"} in a row, ${Unhealthy} so far`;
}

/** Prints the checks of an allocation as a table; nothing when it has none. */
export async function printChecks(client: Client, { ID }: Allocation, out: Output): Promise<void> {
  const checks = await readChecks(client, ID);
  if (checks.length === 0) return;
  out.line();
  const rows = checks.map((check): Piece[] => [
    check.Check,
    check.Service,
    check.Mode,
    statusPiece(check.Status),
    firstLine(check.Output),
  ]);
  for (const line of alignTable(["Checks", "Service", "Mode", "Status", "Output"], rows, out.columns))
    out.line(...line);
}

/** A real Nomad of before 1.4 does not know the question, nor do former versions of this program. */
async function readChecks(client: Client, id: string): Promise<readonly Check[]> {
  try {
    return Object.values(await client.read(ask.checks(id)));
  } catch (error) {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "unsupported")) return [];
    throw error;
  }
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
