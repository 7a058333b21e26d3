import * as v from "valibot";
import { AppError } from "../../base/errors.ts";
import { orList } from "../../base/text.ts";
import { formatDuration, parseDuration, SECOND } from "../../base/units.ts";
import { askTokens } from "../../client/tokens.ts";
import { ROLES, type Role } from "../../contract/role.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";

export const TOKEN_CREATE: Command = {
  names: ["token create"],
  summary: "Make a token for clients elsewhere, and print its secret once",
  operands: "",
  takes: [0, 0],
  flags: [
    ADDRESS_FLAG,
    { name: "role", value: "ROLE", help: `What it lets its owner do: ${orList(ROLES)}.` },
    { name: "name", value: "NAME", help: "Who or what it is for, for the list of tokens and the audit log." },
    { name: "ttl", value: "DURATION", help: "It is good for so long, such as 720h; without it until it is revoked." },
    { name: "json", help: "The token as the API has it, with its secret." },
  ],
  details:
    "Makes a token, which whoever uses the API by TCP needs. The secret alone is printed on standard output, this once: the agent keeps a hash of it. read sees everything, definitions of jobs with what stands in them among it; operate stops, starts and talks to machines and runs jobs that stay within their allocation; admin may do everything.",
  examples: [
    "paddock token create -role read -name dashboard",
    "export PADDOCK_TOKEN=$(paddock token create -role operate -name ci -ttl 12h)",
  ],
  run: runTokenCreate,
};

async function runTokenCreate(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  const role = readRole(flags.text("role"));
  const ttl = readTtl(flags.text("ttl"));
  const client = await connectAgent(invocation);
  const policies = role === "admin" ? { Type: "management" } : { Type: "client", Policies: [role] };
  const wish = { Name: flags.text("name") ?? "", ...policies, ...(ttl === undefined ? {} : { ExpirationTTL: ttl }) };
  const { target, schema } = askTokens.create();
  if (flags.has("json")) {
    printJson(out, await client.change("PUT", { target, schema: v.unknown() }, wish));
    return EXIT.ok;
  }
  const made = await client.change("PUT", { target, schema }, wish);
  out.line(made.SecretID);
  err.line(
    `token ${made.AccessorID} with the role ${role}${until(made.ExpirationTime)}; its secret is not shown again`,
  );
  return EXIT.ok;
}

const until = (moment: string | null): string => (moment === null ? "" : `, until ${moment.replace(/\.\d+Z$/, "Z")}`);

function readRole(text: string | undefined): Role {
  const role = ROLES.find((known) => known === text);
  if (role !== undefined) return role;
  const found = text === undefined ? "nothing" : JSON.stringify(text);
  throw new AppError("invalid", `flag -role: expected ${orList(ROLES)}, found ${found}`, {
    hint: "read sees, operate stops and runs, admin may do everything",
  });
}

function readTtl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const ttl = parseDuration(text);
  if (ttl !== undefined && ttl >= SECOND) return formatDuration(ttl);
  throw new AppError("invalid", `flag -ttl: expected a duration of a second or more, found ${JSON.stringify(text)}`, {
    hint: "such as 30m, 12h or 720h",
  });
}
