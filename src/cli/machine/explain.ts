import { formatCores } from "../../base/cores.ts";
import { shortId } from "../../base/ids.ts";
import { shellWord } from "../../base/text.ts";
import { formatBytes } from "../../base/units.ts";
import { ask } from "../../client/client.ts";
import type { Explanation } from "../../client/explanation.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation, JSON_FLAG } from "../command.ts";
import { EXIT } from "../exit.ts";
import { assertNotBoth } from "../flags.ts";
import { NAME_FORMS, resolveTask } from "../names.ts";
import { printJson } from "../terminal/json.ts";
import { printLabelled } from "../terminal/labelled.ts";
import type { Piece } from "../terminal/style.ts";
import { alignRows } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { userText } from "../text/allocation.ts";
import { diskText } from "../text/disk.ts";
import { describeOrigin } from "../text/origin.ts";
import { describeForwards } from "../text/ports.ts";
import { writeScript } from "./launch-script.ts";

export const EXPLAIN: Command = {
  names: ["explain"],
  summary: "Show QEMU's command line and where each word comes from",
  operands: "NAME [TASK]",
  takes: [1, 2],
  flags: [
    ADDRESS_FLAG,
    JSON_FLAG,
    { name: "script", help: "A shell script that runs the same machine without paddock, once it is stopped here." },
  ],
  details: `Shows the command line of a machine's last start: what is printed is what was run. ${NAME_FORMS}`,
  examples: ["paddock explain web", "paddock explain -json web/vm", "paddock explain -script web > web.sh"],
  run: runExplain,
};

async function runExplain(invocation: Invocation): Promise<number> {
  const { out } = invocation.context.terminal;
  const [name = "", word] = invocation.operands;
  assertNotBoth(invocation.flags, "json", "script");
  const client = await connectAgent(invocation);
  const { allocation, task } = await resolveTask(client, name, word);
  const question = ask.explain(allocation.ID, task);
  if (invocation.flags.has("script")) {
    const machine = `${allocation.JobID}/${task}, allocation ${shortId(allocation.ID)}`;
    out.text(writeScript(await client.read(question), machine));
  } else if (invocation.flags.has("json")) printJson(out, await client.readJson(question.target));
  else printExplanation(await client.read(question), invocation);
  return EXIT.ok;
}

function printExplanation(explanation: Explanation, { context }: Invocation): void {
  const { Cwd, User, Image, Limits, Forwards, Warnings } = explanation;
  const { out, err } = context.terminal;
  printWords(explanation, out);
  out.line();
  out.line("Working directory: ", Cwd);
  out.line("User: ", userText(User));
  if (Image !== null) out.line("Disk: ", diskText(Image));
  if (Limits !== null) out.line("Limits, where the host has control groups: ", describeLimits(Limits));
  if (Forwards.length > 0) {
    out.line("Forwarded ports:");
    for (const line of describeForwards(Forwards, "  ")) out.line(...line);
  }
  for (const warning of Warnings) printLabelled(err, "warning", warning);
}

function describeLimits({ MemoryMax, GuestMemory, CPUWeight, Cores }: NonNullable<Explanation["Limits"]>): string {
  const guest = GuestMemory === null ? "" : ` (${formatBytes(GuestMemory)} of it the guest's)`;
  const memory = MemoryMax === null ? "no memory limit" : `memory ${formatBytes(MemoryMax)}${guest}`;
  const cores = Cores.length === 0 ? "" : `, processors ${formatCores(Cores)}`;
  return `${memory}, CPU weight ${CPUWeight}${cores}`;
}

/** A word that is longer than this stands on a line of its own, its origin below it. */
const WORD_WIDTH = 44;

function printWords({ Argv: argv, Defaults }: Explanation, out: Output): void {
  const words = argv.map(({ Word }) => shellWord(Word));
  const width = Math.max(0, ...words.map((word) => word.length).filter((length) => length <= WORD_WIDTH));
  argv.forEach(({ Origin }, at) => {
    const word = words[at] ?? "";
    const long = word.length > width;
    if (long) out.line(word);
    const origin: Piece = { text: describeOrigin(Origin, Defaults), style: Origin.Kind === "paddock" ? "dim" : "cyan" };
    for (const line of alignRows([[(long ? "" : word).padEnd(width), origin]], out.columns)) out.line(...line);
  });
}
