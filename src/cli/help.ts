import type { Command } from "./command.ts";
import { EXIT } from "./exit.ts";
import { allFlags, CONNECTION_FLAGS, type Flag } from "./flags.ts";
import { textOf } from "./terminal/style.ts";
import { alignRows, breakText } from "./terminal/table.ts";

/** Help texts are this wide, whatever the terminal: they are read in files, too. */
const WIDTH = 80;

/** The list of commands. @param group only those that begin with this word. */
export function describeCommands(commands: readonly Command[], group?: string): string {
  const rows = commands
    .flatMap(({ names, summary }) => names.map((name) => ({ name, summary, of: names[0] })))
    .filter(({ name }) => group === undefined || name.startsWith(`${group} `))
    .map(({ name, summary, of }) => [name, name === of ? summary : `The same as ${of}`]);
  const usage =
    group === undefined ? "paddock COMMAND [options] [operands]" : `paddock ${group} COMMAND [options] [operands]`;
  return [
    `Usage: ${usage}`,
    ...(group === undefined ? ["", "Runs QEMU virtual machines on this host from Nomad job files."] : []),
    "",
    "Commands:",
    "",
    ...align(rows),
    "",
    "paddock COMMAND -help tells more about each.",
    ...(group === undefined
      ? ["paddock help -man prints all of it as a manual page, paddock help -man COMMAND one of them."]
      : []),
    "",
  ].join("\n");
}

/** Everything about one command: usage, options, examples, exit codes. */
export function describeCommand(command: Command): string {
  const [first, ...others] = command.names.map((name) => `paddock ${name}${usageTail(command)}`);
  return [
    `Usage: ${first}`,
    ...others.map((usage) => `       ${usage}`),
    "",
    ...breakText(command.details, WIDTH - 2).map((line) => `  ${line}`),
    "",
    "Options:",
    "",
    ...align(allFlags(command.flags).filter(isOfCommand).map(flagRow)),
    "",
    ...describeConnection(command),
    "Examples:",
    "",
    ...command.examples.map((example) => `  ${example}`),
    "",
    "Exit codes:",
    "",
    ...align((command.exits ?? DEFAULT_EXITS).map(([code, meaning]) => [String(code), meaning])),
    "",
  ].join("\n");
}

const isOfCommand = (flag: Flag): boolean => !CONNECTION_FLAGS.includes(flag);

function describeConnection(command: Command): string[] {
  const flags = allFlags(command.flags).filter((flag) => !isOfCommand(flag));
  return flags.length === 0 ? [] : ["Options for an agent elsewhere:", "", ...align(flags.map(flagRow)), ""];
}

/** What the exit codes mean of a command that has no more to say. */
export const DEFAULT_EXITS = [
  [EXIT.ok, "it worked"],
  [EXIT.failed, "it did not; the message says why"],
] as const;

/** What stands behind the name of a command in its usage. */
export function usageTail({ operands }: Command): string {
  return ` [options]${operands === "" ? "" : ` ${operands}`}`;
}

function flagRow({ name, value, on, help }: Flag): string[] {
  if (on === true) return [`-${name}=false`, help];
  return [value === undefined ? `-${name}` : `-${name} ${value}`, help];
}

function align(rows: readonly (readonly string[])[]): string[] {
  return alignRows(rows, WIDTH, "  ").map((line) => line.map(textOf).join(""));
}
