import { runCli } from "./cli/run.ts";
import { createTerminal, wantsColor } from "./cli/terminal.ts";
import { runtimeKind } from "./runtime/kind.ts";

declare const PADDOCK_COMPILED: boolean | undefined;

/** The words that start this program again: the binary itself, or the runtime that runs it from source. */
function ownWords(): readonly [string, ...string[]] {
  if (typeof PADDOCK_COMPILED !== "undefined" && PADDOCK_COMPILED) return [process.execPath];
  const file = import.meta.filename;
  return runtimeKind === "bun" ? [process.execPath, file] : [process.execPath, "run", "--quiet", "-A", file];
}

const exitCode = await runCli(process.argv.slice(2), {
  terminal: createTerminal(process, wantsColor(process.env)),
  env: process.env,
  uid: process.getuid?.() ?? 0,
  self: ownWords(),
  // Everything that the daemon is made of stays unloaded for the other commands.
  startAgent: async (args) => (await import("./daemon/run.ts")).runAgent(args),
  examine: async (args) => (await import("./doctor/examine.ts")).examine(args),
});
process.exit(exitCode);
