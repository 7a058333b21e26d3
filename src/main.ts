import { sendEarly } from "./cli/early-run.ts";
import { runtimeKind } from "./runtime/kind.ts";

declare const PADDOCK_COMPILED: boolean | undefined;

/** The words that start this program again: the binary itself, or the runtime that runs it from source. */
function ownWords(): readonly [string, ...string[]] {
  if (typeof PADDOCK_COMPILED !== "undefined" && PADDOCK_COMPILED) return [process.execPath];
  const file = import.meta.filename;
  return runtimeKind === "bun" ? [process.execPath, file] : [process.execPath, "run", "--quiet", "-A", file];
}

const args = process.argv.slice(2);
const uid = process.getuid?.() ?? 0;
// Before the commands are loaded, which takes longer than the agent needs for a job.
const early = sendEarly(args, { env: process.env, uid });
const [{ runCli }, { createTerminal, wantsColor }] = await Promise.all([
  import("./cli/run.ts"),
  import("./cli/terminal/terminal.ts"),
]);
const exitCode = await runCli(args, {
  terminal: createTerminal(process, wantsColor(process.env)),
  env: process.env,
  uid,
  early,
  self: ownWords(),
  // Everything that the daemon is made of stays unloaded for the other commands.
  startAgent: async (args) => (await import("./daemon/run.ts")).runAgent(args),
  examine: async (args) => (await import("./doctor/examine.ts")).examine(args),
  rehearse: {
    plan: async (...given) => (await import("./rehearsal/rehearse.ts")).rehearsePlan(...given),
    explain: async (...given) => (await import("./rehearsal/rehearse.ts")).rehearseExplain(...given),
  },
});
process.exit(exitCode);
