import { AppError } from "../../base/errors.ts";
import { ask, type Client } from "../../client/client.ts";
import type { Flag, Flags } from "../flags.ts";
import { printLabelled } from "../terminal/labelled.ts";
import { askYesNo, canAsk } from "../terminal/prompt.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const DISCARD_FLAG: Flag = {
  name: "discard",
  help: "Do not ask before a disk is left behind that a guest has written to.",
};

/**
 * Lets a job take the place of its former version only when whoever runs it knows which disks that costs.
 * @returns what was told.
 * @throws AppError `conflict` when it is not wanted, or nobody can be asked; the signal's reason.
 */
export async function confirmDiscards(
  client: Client,
  { id, job, flags, terminal }: { id: string; job: object; flags: Flags; terminal: Terminal },
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (flags.has(DISCARD_FLAG.name)) return [];
  const { Paddock } = await client.change("PUT", ask.validateJob(), { Job: job });
  const told = Paddock.Discards.map(({ Message }) => Message);
  if (told.length === 0) return [];
  const failed = `job "${id}" was not registered`;
  if (!canAsk(terminal)) {
    const lines = told.map((text) => `\n  ${text}`).join("");
    throw new AppError("conflict", `${failed}: it would leave behind what a guest has written${lines}`, {
      hint: "-discard runs it all the same; what is left behind stays for gc_disk_retention",
    });
  }
  for (const text of told) printLabelled(terminal.err, "warning", text);
  if (!(await askYesNo(terminal, `Run job "${id}" all the same?`, signal))) {
    throw new AppError("conflict", `${failed}: nothing was changed`);
  }
  return told;
}
