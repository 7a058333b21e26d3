import { shortId } from "../base/ids.ts";
import { isLoopbackOrigin } from "../client/address.ts";
import { type Client, createClient } from "../client/client.ts";
import { readCredentials } from "../client/credentials.ts";
import { discoverAgent } from "../client/discover.ts";
import type { Job } from "../job/job.ts";
import type { EarlyRun } from "./early-run.ts";
import type { Flag, Flags } from "./flags.ts";
import type { ForeseenMachine, ForeseenTask } from "./machine/foreseen.ts";
import { printLabelled } from "./terminal/labelled.ts";
import type { Terminal } from "./terminal/terminal.ts";
import type { Finding } from "./text/finding.ts";

/** What a command has around it. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the user who runs it. */
  readonly uid: number;
  /** The words that start this program. */
  readonly self: readonly [string, ...string[]];
  /** The job file of this very command line, if it was sent already; null as a rule. */
  readonly early: EarlyRun | null;
  /** Becomes the daemon. @param args its flags, in the form `-name=value`. @returns the exit code. */
  readonly startAgent: (args: readonly string[]) => Promise<number>;
  /** Looks at this host. @param args the agent's flags, in the form `-name=value`. */
  readonly examine: (args: readonly string[]) => Promise<readonly Finding[]>;
  /** Finds out what an agent with these flags would make of a job on this host; asks no agent. */
  readonly rehearse: Rehearse;
}

export interface Rehearse {
  /** @returns what the API replies to a plan. */
  plan(args: readonly string[], job: Job, warn: (text: string) => void): Promise<unknown>;
  explain(args: readonly string[], task: ForeseenTask, warn: (text: string) => void): Promise<ForeseenMachine>;
}

/** A command as its user called it. */
export interface Invocation {
  readonly context: CliContext;
  readonly flags: Flags;
  readonly operands: readonly string[];
}

/** One command: parsing, help, and the suggestions for what was misspelt all come from here. */
export interface Command {
  /** How it is called, the name of Nomad first. */
  readonly names: readonly [string, ...string[]];
  /** One line for the list of commands. */
  readonly summary: string;
  /** Its operands, such as `NAME [TASK]`. */
  readonly operands: string;
  /** How many operands it takes. */
  readonly takes: readonly [least: number, most: number];
  readonly flags: readonly Flag[];
  /** Paragraphs behind the usage line. */
  readonly details: string;
  readonly examples: readonly string[];
  /** What its exit codes mean, when there is more to say than 0 and 1. */
  readonly exits?: readonly (readonly [code: number, meaning: string])[];
  /** The exit code when it fails, where Nomad's is not 1. */
  readonly failure?: number;
  /**
   * @param commands all that there are, for one that tells of others.
   * @returns the exit code. @throws AppError, Interrupted.
   */
  readonly run: (invocation: Invocation, commands: readonly Command[]) => Promise<number>;
}

export const ADDRESS_FLAG: Flag = {
  name: "address",
  value: "ADDRESS",
  help: "The agent to talk to: unix:///path, the path of a socket, or http://host:port or https://host:port. Without it PADDOCK_ADDR, then NOMAD_ADDR, then the default sockets are tried.",
};

export const VERBOSE_FLAG: Flag = { name: "verbose", help: "Show ids in full." };
export const JSON_FLAG: Flag = { name: "json", data: true, help: "The reply of the API." };

/** An id in full or as it is shown without `-verbose`. */
export function idText(id: string, verbose: boolean): string {
  return verbose ? id : shortId(id);
}

/** The flags of commands that stand in for an agent of this host: which configuration that has. */
export const AGENT_FILE_FLAGS: readonly Flag[] = [
  {
    name: "config",
    value: "FILE",
    help: "The configuration of the agent that the job is for, as paddock agent takes it.",
  },
  { name: "data-dir", value: "DIR", help: "That agent's data directory." },
];

/** These flags as the agent itself takes them. */
export function rehearsalFlags(flags: Flags): string[] {
  return AGENT_FILE_FLAGS.flatMap(({ name }) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`-${name}=${value}`];
  });
}

/**
 * Finds the agent that an invocation is about.
 * @param interrupt where signals do not end the program: gives up what an agent that hangs is waited for.
 * @throws AppError as `discoverAgent` and `readCredentials` do.
 */
export async function connectAgent(
  { context, flags }: Pick<Invocation, "context" | "flags">,
  interrupt?: AbortSignal,
): Promise<Client> {
  const { uid, env, terminal } = context;
  const address = await discoverAgent({ flag: flags.text("address"), uid, env });
  const tell = (text: string): void => terminal.err.line(text);
  if (address.kind === "unix") return createClient(address, undefined, tell, interrupt);
  const credentials = readCredentials({ flag: flags.text, env });
  if (credentials.token !== null && address.origin.startsWith("http:") && !isLoopbackOrigin(address.origin)) {
    printLabelled(terminal.err, "warning", `the token goes to ${address.origin} for all to read that are in between`);
  }
  return createClient({ ...address, credentials }, undefined, tell, interrupt);
}
