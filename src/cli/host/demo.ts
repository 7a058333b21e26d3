import { accessSync, constants, statSync, truncateSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError, errnoOf, errorText } from "../../base/errors.ts";
import { MILLISECOND } from "../../base/units.ts";
import { ask, createClient } from "../../client/client.ts";
import { DEMO_BANNER, DEMO_DISK_BYTES, demoImage } from "../../guest/demo-image.ts";
import type { CliContext, Command, Invocation } from "../command.ts";
import { EXIT, Interrupted } from "../exit.ts";
import { parseArguments } from "../flags.ts";
import { JOB_RUN, runJob } from "../job/run.ts";
import { JOB_STOP, stopJob } from "../job/stop.ts";
import { printLog } from "../machine/log-print.ts";
import { allocationOf } from "../names.ts";
import { formatSpan } from "../terminal/time.ts";
import { isOver } from "../text/copies.ts";
import { createPrivateAgent, type PrivateAgent } from "./private-agent.ts";

export const DEMO: Command = {
  names: ["demo"],
  summary: "See a machine start, speak and stop; needs nothing but QEMU",
  operands: "",
  takes: [0, 0],
  flags: [],
  details:
    "Starts a private agent in a temporary directory, runs a virtual machine from an image inside this program, follows its console for two seconds, stops it with the power button, prints the receipt, and leaves nothing behind. Shows each command as you would type it. Needs qemu-system-x86_64 on the PATH, and no rights.",
  examples: ["paddock demo"],
  exits: [
    [EXIT.ok, "the machine ran and shut itself down when it was asked to"],
    [EXIT.failed, "it did not, or QEMU is missing"],
    [EXIT.SIGINT, "Ctrl-C; the machine was stopped"],
  ],
  run: runDemo,
};

const JOB = "demo";
const TASK = "vm";
const EMULATOR = "qemu-system-x86_64";

/**
 * The job file of the demo.
 * @param image absolute path of its disk, without a `${`.
 */
export function demoJobFile(image: string): string {
  return `job "${JOB}" {
  group "${JOB}" {
    task "${TASK}" {
      driver       = "qemu"
      kill_timeout = "5s"

      config {
        image_path        = ${JSON.stringify(image)}
        accelerator       = "tcg"
        graceful_shutdown = true
      }

      resources {
        memory = 128
      }
    }
  }
}
`;
}

async function runDemo({ context }: Invocation): Promise<number> {
  requireEmulator(context);
  const start = monotonicMillis();
  const { terminal } = context;
  const interrupt = terminal.listenForInterrupt();
  const agent = createPrivateAgent(context);
  try {
    await playDemo({ ...context, env: { ...context.env, PADDOCK_ADDR: agent.socket } }, agent, interrupt.signal);
  } catch (error) {
    if (error instanceof Interrupted) terminal.err.line("interrupted; the machine and the agent are being stopped");
    throw error;
  } finally {
    await clearAway(context, agent);
    interrupt.release();
  }
  const took = formatSpan((monotonicMillis() - start) * MILLISECOND);
  say(context, `that was all of it, in ${took}; the agent and its directory are gone`);
  return EXIT.ok;
}

async function playDemo(context: CliContext, agent: PrivateAgent, signal: AbortSignal): Promise<void> {
  const { terminal } = context;
  const jobFile = join(agent.dir, "demo.hcl");
  const image = join(agent.dir, "demo.img");
  writeFileSync(image, demoImage());
  truncateSync(image, DEMO_DISK_BYTES);
  writeFileSync(jobFile, demoJobFile(image));

  say(context, "the daemon; the demo has a private one in a temporary directory");
  type(context, `agent -config ${join(agent.dir, "agent.hcl")} &`);
  await agent.start(signal);

  say(context, `the job file, ${jobFile}`);
  terminal.out.text(demoJobFile(image));

  say(context, "run it");
  type(context, `run ${jobFile}`);
  await runJob({ context, ...parseArguments([jobFile], JOB_RUN.flags) }, signal, () => undefined);

  say(context, "its serial console, until it has ticked twice");
  type(context, `logs -f ${JOB}`);
  await showConsole(context, agent, signal);

  say(context, "stop it: the guest is asked by the ACPI power button, and shuts itself down");
  type(context, `stop ${JOB}`);
  await stopJob({ context, ...parseArguments([JOB], JOB_STOP.flags) }, signal, () => undefined);
}

async function showConsole(context: CliContext, agent: PrivateAgent, signal: AbortSignal): Promise<void> {
  const client = createClient({ kind: "unix", path: agent.socket });
  const allocation = await allocationOf(client, JOB);
  let seen = "";
  const enough = (text: string): boolean => {
    seen += text;
    return seen.includes(DEMO_BANNER) && (seen.match(/tick \d+\s/g) ?? []).length >= 2;
  };
  const { terminal } = context;
  const deadline = AbortSignal.timeout(CONSOLE_DEADLINE);
  const either = AbortSignal.any([signal, deadline]);
  try {
    await printLog(
      client,
      { allocation, task: TASK },
      { terminal, type: "stdout", follow: true, raw: false, signal: either, enough },
    );
  } catch (error) {
    if (!deadline.aborted) throw error;
  }
  if (!enough("")) throw new AppError("timeout", "the machine runs, but its guest did not say what was expected");
}

/** What the guest may take to boot and to tick twice, in milliseconds; it takes three seconds on a slow host. */
const CONSOLE_DEADLINE = 30_000;

/** A command as one would type it. */
function type({ terminal }: CliContext, words: string): void {
  terminal.out.line({ text: "$ ", style: "dim" }, { text: `paddock ${words}`, style: "bold" });
}

function say({ terminal }: CliContext, text: string): void {
  terminal.out.line();
  terminal.out.line({ text: `# ${text}`, style: "cyan" });
}

/** Longer than kill_timeout with all that may follow it, in milliseconds. */
const STOP_DEADLINE = 15_000;

/** Leaves nothing behind, however far the demo came. */
async function clearAway({ terminal }: CliContext, agent: PrivateAgent): Promise<void> {
  try {
    await stopMachines(agent);
  } catch (error) {
    terminal.err.line(`the machine could not be stopped: ${errorText(error).split("\n")[0]}`);
  }
  if ((await agent.remove()) > 0) terminal.err.line("it was killed instead");
}

/** @throws AppError when the agent does not answer, the signal's reason when the machine takes too long. */
async function stopMachines({ socket }: PrivateAgent): Promise<void> {
  if (statSync(socket, { throwIfNoEntry: false }) === undefined) return;
  const client = createClient({ kind: "unix", path: socket });
  const deadline = AbortSignal.timeout(STOP_DEADLINE);
  const jobs = await client.read(ask.jobs(), deadline);
  if (jobs.length === 0) return;
  await client.deregisterJob(JOB, { purge: false }, deadline);
  for await (const all of client.watch(ask.jobAllocations(JOB), deadline)) if (all.every(isOver)) return;
}

/** @throws AppError `unavailable` that says what to install. */
function requireEmulator({ env }: CliContext): void {
  const found = (env["PATH"] ?? "").split(delimiter).some((dir) => dir !== "" && isExecutable(join(dir, EMULATOR)));
  if (found) return;
  throw new AppError("unavailable", `${EMULATOR} is not on the PATH`, {
    hint: "install QEMU: apt install qemu-system-x86 (Debian, Ubuntu), dnf install qemu-system-x86-core (Fedora), apk add qemu-system-x86_64 (Alpine), pacman -S qemu-system-x86 (Arch), brew install qemu (macOS)",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
