import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { askTokens, type KnownToken, roleOf } from "../../client/tokens.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";

export const TOKEN_REVOKE: Command = {
  names: ["token revoke"],
  summary: "Let nobody in by a token any more",
  operands: "ID",
  takes: [1, 1],
  flags: [ADDRESS_FLAG],
  details:
    "Revokes a token at once: streams and consoles that were opened by it end. ID is the beginning of the token's id, or its whole name, as paddock token list shows them.",
  examples: ["paddock token revoke 1f6a0b1c", "paddock token revoke ci"],
  run: runTokenRevoke,
};

async function runTokenRevoke(invocation: Invocation): Promise<number> {
  const client = await connectAgent(invocation);
  const token = chooseToken(await client.read(askTokens.list()), invocation.operands[0] ?? "");
  await client.change("DELETE", askTokens.revoke(token.AccessorID));
  const name = token.Name === "" ? "" : ` (${token.Name})`;
  invocation.context.terminal.out.line(`revoked ${shortId(token.AccessorID)}${name}, ${roleOf(token)}`);
  return EXIT.ok;
}

function chooseToken(tokens: readonly KnownToken[], word: string): KnownToken {
  const named = tokens.filter(({ Name }) => word !== "" && Name === word);
  const begun = tokens.filter(({ AccessorID }) => word !== "" && AccessorID.startsWith(word.toLowerCase()));
  const found = named.length > 0 ? named : begun;
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (only === undefined) {
    // Nobody's secret is to stand in a message, and this is where somebody types one by mistake.
    throw new AppError("not_found", "no token has an id that begins so, or such a name", {
      hint: "paddock token list shows those that are good; a secret is no id",
    });
  }
  const list = found.map(({ AccessorID, Name }) => `  ${AccessorID} ${Name}`.trimEnd());
  throw new AppError("conflict", `several tokens are meant:\n${list.join("\n")}`, { hint: "give more of the id" });
}
