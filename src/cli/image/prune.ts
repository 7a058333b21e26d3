import { AppError } from "../../base/errors.ts";
import { formatBytes, parseBytes, parseDuration } from "../../base/units.ts";
import { askImages, type Pruned } from "../../client/images.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth, type Flags } from "../flags.ts";
import { printJson } from "../terminal/json.ts";
import { alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { shortChecksum, sourceName } from "./names.ts";

export const IMAGE_PRUNE: Command = {
  names: ["image prune"],
  summary: "Remove what was not used for long, or does not fit, from the cache",
  operands: "",
  takes: [0, 0],
  flags: [
    ADDRESS_FLAG,
    { name: "max-age", value: "DURATION", help: "Removes what was not used for so long, such as 720h." },
    {
      name: "max-size",
      value: "SIZE",
      help: "Removes what was not used for the longest time until the cache takes no more than this, such as 20GiB.",
    },
    { name: "all", help: "Removes everything that nobody uses." },
    { name: "dry-run", help: "Only shows what would be removed." },
    JSON_FLAG,
  ],
  details:
    "Removes images from the agent's cache by age, by size, or all of them; what is in use stays, and counts for the size. What is damaged goes by any rule; what was set aside as damaged counts for the size and goes first.",
  examples: [
    "paddock image prune -max-age 720h",
    "paddock image prune -max-size 20GiB -dry-run",
    "paddock image prune -all",
  ],
  run: runImagePrune,
};

async function runImagePrune(invocation: Invocation): Promise<number> {
  const { flags, context } = invocation;
  const { out, err } = context.terminal;
  const body = { ...readRule(flags), DryRun: flags.has("dry-run") };
  const client = await connectAgent(invocation);
  const pruned = await client.change("PUT", askImages.prune(), body);
  if (flags.has("json")) printJson(out, pruned);
  else printPruned(pruned, out);
  const bytes = pruned.Removed.reduce((sum, { Allocated }) => sum + Allocated, 0);
  const count = pruned.Removed.length + pruned.SetAside.length;
  if (count === 0) err.line("nothing to remove");
  else err.line(`${body.DryRun ? "would remove" : "removed"} ${count}, ${formatBytes(bytes)}`);
  return EXIT.ok;
}

/** @throws AppError `invalid` when nothing says what goes. */
function readRule(flags: Flags): { readonly MaxAge: number | null; readonly MaxBytes: number | null } {
  const [age, size] = [flags.text("max-age"), flags.text("max-size")];
  for (const limit of ["max-age", "max-size"]) assertNotBoth(flags, "all", limit);
  if (flags.has("all")) return { MaxAge: 0, MaxBytes: 0 };
  if (age === undefined && size === undefined) {
    throw new AppError("invalid", "image prune: expected -max-age, -max-size or -all", {
      hint: "paddock image prune -all -dry-run shows all that nobody uses",
    });
  }
  const [MaxAge, MaxBytes] = [
    age === undefined ? null : parseDuration(age),
    size === undefined ? null : parseBytes(size),
  ];
  if (MaxAge === undefined || (MaxAge !== null && !(MaxAge >= 0))) {
    throw new AppError("invalid", `flag -max-age: expected a duration such as 720h, found ${JSON.stringify(age)}`);
  }
  if (MaxBytes === undefined) {
    throw new AppError("invalid", `flag -max-size: expected a size such as 20GiB, found ${JSON.stringify(size)}`);
  }
  // In the agent's configuration it means that nothing goes.
  for (const [flag, limit] of [
    ["max-age", MaxAge],
    ["max-size", MaxBytes],
  ] as const) {
    if (limit !== 0) continue;
    throw new AppError("invalid", `flag -${flag}: 0 would remove everything that nobody uses`, {
      hint: "say -all for that; in the agent's configuration 0 sets no limit",
    });
  }
  return { MaxAge, MaxBytes };
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["age", "unused"],
  ["size", "no room"],
  ["damaged", "damaged"],
]);

function printPruned({ Removed, SetAside }: Pruned, out: Output): void {
  const rows = [
    ...Removed.map((image) => [
      shortChecksum(image.Checksum),
      formatBytes(image.Allocated),
      REASONS.get(image.Reason) ?? image.Reason,
      sourceName(image),
    ]),
    ...SetAside.map(({ Name }) => [shortChecksum(Name.replace("-", ":")), "-", "set aside", ""]),
  ];
  if (rows.length === 0) return;
  for (const line of alignTable(["Checksum", "Size", "Why", "Name"], rows, out.columns)) out.line(...line);
}
