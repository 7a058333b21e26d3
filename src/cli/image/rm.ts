import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { askImages } from "../../client/images.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { chooseImage, shortChecksum } from "./names.ts";

export const IMAGE_RM: Command = {
  names: ["image rm"],
  summary: "Remove images from the cache that nobody uses",
  operands: "CHECKSUM…",
  takes: [1, 1_000],
  flags: [ADDRESS_FLAG],
  details:
    "Removes images from the agent's cache; a job that asks for one again fetches it again. CHECKSUM is the beginning of the image's checksum, with or without its type. What an allocation uses is refused with that allocation's name, and the others are removed all the same.",
  examples: ["paddock image rm sha256:9f86d081", "paddock image rm 9f86d081 2c26b46b"],
  exits: [
    [EXIT.ok, "all of them are gone"],
    [EXIT.failed, "one was not there, or is in use"],
  ],
  run: runImageRm,
};

async function runImageRm(invocation: Invocation): Promise<number> {
  const { out, err } = invocation.context.terminal;
  const client = await connectAgent(invocation);
  const { Images } = await client.read(askImages.list());
  // A misspelt one ends the command before anything is gone.
  const chosen = new Set(invocation.operands.map((word) => chooseImage(Images, word)));
  let failed = false;
  for (const { Checksum, Allocated } of chosen) {
    try {
      await client.change("DELETE", askImages.remove(Checksum));
      out.line(`removed ${shortChecksum(Checksum)}, ${formatBytes(Allocated)}`);
    } catch (error) {
      if (!(error instanceof AppError) || chosen.size === 1) throw error;
      failed = true;
      for (const line of error.message.split("\n")) err.line(line);
    }
  }
  return failed ? EXIT.failed : EXIT.ok;
}
