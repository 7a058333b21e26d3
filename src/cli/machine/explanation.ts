import { formatCores } from "../../base/cores.ts";
import { escapeControls, shellWord } from "../../base/text.ts";
import { textWidth } from "../../base/text-width.ts";
import { formatBytes } from "../../base/units.ts";
import type { Explanation } from "../../client/explanation.ts";
import { printLabelled } from "../terminal/labelled.ts";
import type { Piece } from "../terminal/style.ts";
import { alignRows } from "../terminal/table.ts";
import type { Output, Terminal } from "../terminal/terminal.ts";
import { diskText } from "../text/disk.ts";
import { describeOrigin } from "../text/origin.ts";
import { describeForwards } from "../text/ports.ts";

/** Prints a command line a word a line, with where each comes from, and what else is known of the machine. @param user whom it runs as. */
export function printExplanation(explanation: Explanation, { out, err }: Terminal, user: string): void {
  const { Cwd, Image, Limits, Forwards, Warnings } = explanation;
  printWords(explanation, out);
  out.line();
  out.line("Working directory: ", Cwd);
  out.line("User: ", user);
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
  const words = argv.map(({ Word }) => escapeControls(shellWord(Word)));
  const width = Math.max(0, ...words.map(textWidth).filter((columns) => columns <= WORD_WIDTH));
  argv.forEach(({ Origin }, at) => {
    const word = words[at] ?? "";
    const long = textWidth(word) > width;
    if (long) out.line(word);
    const origin: Piece = { text: describeOrigin(Origin, Defaults), style: Origin.Kind === "paddock" ? "dim" : "cyan" };
    const first = long ? " ".repeat(width) : `${word}${" ".repeat(width - textWidth(word))}`;
    for (const line of alignRows([[first, origin]], out.columns)) out.line(...line);
  });
}
