import { askTokens, type KnownToken, roleOf } from "../../client/tokens.ts";
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
import { printJson } from "../terminal/json.ts";
import type { Piece } from "../terminal/style.ts";
import { alignTable } from "../terminal/table.ts";

export const TOKEN_LIST: Command = {
  names: ["token list"],
  summary: "List the tokens that are good",
  operands: "",
  takes: [0, 0],
  flags: [ADDRESS_FLAG, JSON_FLAG, VERBOSE_FLAG],
  details: "Lists the tokens of clients elsewhere that are neither revoked nor expired. Their secrets nobody can list.",
  examples: ["paddock token list", "paddock token list -verbose"],
  run: runTokenList,
};

async function runTokenList(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  const client = await connectAgent(invocation);
  const question = askTokens.list();
  if (flags.has("json")) {
    printJson(out, await client.readJson(question.target));
    return EXIT.ok;
  }
  const tokens = await client.read(question);
  const rows = tokens.map((token) => describeRow(token, flags.has("verbose")));
  if (rows.length > 0) for (const line of alignTable(HEADER, rows, out.columns)) out.line(...line);
  else err.line("there are no tokens: only the unix socket lets somebody in");
  return EXIT.ok;
}

const HEADER = ["ID", "Role", "Created", "Expires", "Name"];

function describeRow(token: KnownToken, verbose: boolean): Piece[] {
  const { AccessorID, CreateTime, ExpirationTime, Name } = token;
  return [idText(AccessorID, verbose), roleOf(token), moment(CreateTime), moment(ExpirationTime ?? ""), Name || "-"];
}

const moment = (text: string): string => (text === "" ? "never" : text.replace(/\.\d+Z$/, "Z"));
