import { AppError, errorText } from "../base/errors.ts";
import { nearestName } from "../base/text.ts";
import { build } from "../runtime/build.ts";
import type { CliContext, Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, Interrupted } from "./exit.ts";
import { allFlags, NO_COLOR_FLAG, parseArguments, TEMPLATE_FLAG } from "./flags.ts";
import { describeCommand, describeCommands } from "./help.ts";
import { commandPage, manualPage } from "./shell/man.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { UNSUPPORTED } from "./unsupported.ts";

/**
 * Runs the command that the arguments name and says what went wrong with it. Never throws.
 * @returns the exit code.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const { terminal } = context;
  let code: number;
  try {
    code = await runCommand(args, context);
  } catch (error) {
    code = reportFailure(error, terminal, findCommand(args)?.command.failure ?? EXIT.failed);
  }
  await terminal.drain();
  const failure = terminal.writeFailure();
  if (failure === undefined) return code;
  terminal.err.line({ text: "Error: ", style: "red" }, `cannot write the output: ${failure}`);
  await terminal.drain();
  return EXIT.failed;
}

/** Runs the command that the arguments name. @throws AppError, Interrupted. */
async function runCommand(args: readonly string[], context: CliContext): Promise<number> {
  const { out, err } = context.terminal;
  const [first, ...others] = args;
  if (first === undefined) {
    err.text(describeCommands(COMMANDS));
    return EXIT.failed;
  }
  if (first === "help" || HELP_FLAGS.has(first)) return showHelp(others, out);
  if (VERSION_FLAGS.has(first)) return await runCommand(["version"], context);
  if (first.startsWith("-")) {
    throw new AppError("invalid", `expected a command, found the flag ${first}`, {
      hint: "flags stand behind the command: paddock COMMAND -flag",
    });
  }
  const found = findCommand(args);
  if (found === undefined) return refuseWords(args, context.terminal);
  const { command, rest } = found;
  const { flags, operands, help } = parseArguments(rest, allFlags(command.flags));
  if (flags.has(NO_COLOR_FLAG.name)) context.terminal.withoutColor();
  if (help) {
    out.text(describeCommand(command));
    return EXIT.ok;
  }
  assertOperands(command, operands);
  const template = flags.text(TEMPLATE_FLAG.name);
  const terminal = template === undefined ? context.terminal : await byTemplate(context.terminal, template);
  return await command.run({ context: { ...context, terminal }, flags, operands }, COMMANDS);
}

/** The language of templates is loaded by who uses it: commands that start machines must not wait for it. */
async function byTemplate(terminal: Terminal, template: string): Promise<Terminal> {
  const { withTemplate } = await import("./terminal/template.ts");
  return withTemplate(terminal, template);
}

const HELP_FLAGS = new Set(["-h", "-help", "--help"]);
/** Of `help`: as a manual page. */
const MAN_FLAGS = new Set(["-man", "--man"]);
const VERSION_FLAGS = new Set(["-v", "-version", "--version"]);

/** The command that the arguments begin with, the longest name first, and what stands behind it. */
function findCommand(
  args: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(" ");
    const command = args.length >= length ? COMMANDS.find(({ names }) => names.includes(name)) : undefined;
    if (command !== undefined) return { command, rest: args.slice(length) };
  }
  return undefined;
}

function isGroup(word: string): boolean {
  return allNames().some((name) => name.startsWith(`${word} `));
}

function allNames(): string[] {
  return COMMANDS.flatMap(({ names }) => names);
}

function showHelp(given: readonly string[], out: Terminal["out"]): number {
  const words = given.filter((word) => !MAN_FLAGS.has(word));
  const [group = ""] = words;
  const command = findCommand(words)?.command;
  if (words.length < given.length && (words.length === 0 || command !== undefined)) {
    const { version } = build;
    out.text(command === undefined ? manualPage(COMMANDS, version) : commandPage(command, version));
  } else if (words.length === 0) out.text(describeCommands(COMMANDS));
  else if (command !== undefined) out.text(describeCommand(command));
  else if (words.length === 1 && isGroup(group)) out.text(describeCommands(COMMANDS, group));
  else throw unknownCommand(words);
  return EXIT.ok;
}

/** A group alone gets its list of commands. @throws AppError for words that are no command. */
function refuseWords(args: readonly string[], { out, err }: Terminal): number {
  const [group = "", second] = args;
  if (isGroup(group) && second !== undefined && HELP_FLAGS.has(second)) return showHelp([group], out);
  if (isGroup(group) && second === undefined) {
    err.text(describeCommands(COMMANDS, group));
    return EXIT.failed;
  }
  throw unknownCommand(args);
}

function unknownCommand(args: readonly string[]): AppError {
  const words = args.filter((word) => !word.startsWith("-")).slice(0, 2);
  const [first = ""] = words;
  const both = words.join(" ");
  const known = [both, first].find((name) => Object.hasOwn(UNSUPPORTED, name));
  if (known !== undefined) {
    const why = UNSUPPORTED[known] ?? null;
    const text = why === null ? "not supported yet" : `not supported: ${why}`;
    return new AppError("unsupported", `paddock ${known} is ${text}`);
  }
  const tried = isGroup(first) ? both : first;
  const names = allNames();
  const near = nearestName(both, names) ?? nearestName(first, [...names, ...groups(names)]);
  return new AppError("invalid", `unknown command "${tried}"`, {
    hint: near === undefined ? "paddock -help lists the commands" : `did you mean "${near}"?`,
  });
}

function groups(names: readonly string[]): string[] {
  return names.flatMap((name) => (name.includes(" ") ? [name.split(" ")[0] ?? ""] : []));
}

function assertOperands({ names: [name], operands, takes: [least, most] }: Command, given: readonly string[]): void {
  if (given.length >= least && given.length <= most) return;
  const found = given.length === 0 ? "nothing" : given.map((word) => JSON.stringify(word)).join(" ");
  throw new AppError(
    "invalid",
    `paddock ${name}: expected ${operands === "" ? "no operand" : operands}, found ${found}`,
    {
      hint: `paddock ${name} -help tells more`,
    },
  );
}

function reportFailure(error: unknown, { err }: Terminal, code: number): number {
  if (error instanceof Interrupted) return error.exitCode;
  const message = error instanceof AppError ? error.message : `internal error: ${errorText(error)}`;
  const [first = "", ...rest] = message.split("\n");
  err.line({ text: "Error: ", style: "red" }, first);
  for (const line of rest) err.line(line);
  const hint = error instanceof AppError ? error.hint : "this is a mistake of paddock's own; please report it";
  for (const line of hint?.split("\n") ?? []) err.line({ text: `hint: ${line}`, style: "cyan" });
  if (!(error instanceof AppError) && error instanceof Error && error.stack !== undefined) err.text(`${error.stack}\n`);
  return code;
}
