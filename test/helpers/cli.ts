import { Readable, Writable } from "node:stream";
import type { CliContext } from "../../src/cli/command.ts";
import { runCli } from "../../src/cli/run.ts";
import { createTerminal, type Terminal } from "../../src/cli/terminal/terminal.ts";

export interface MemoryTerminal {
  readonly terminal: Terminal;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface MemoryTerminalOptions {
  readonly stdin?: string;
  /** Makes both ways out a terminal that is so wide. */
  readonly columns?: number;
  readonly color?: boolean;
  /** Writing to stdout fails so, as after `| head`. */
  readonly stdoutError?: string;
}

/** The real terminal code over streams in memory. */
export function memoryTerminal(options: MemoryTerminalOptions = {}): MemoryTerminal {
  const out = memoryStream(options.columns, options.stdoutError);
  const err = memoryStream(options.columns);
  const stdin = Readable.from([Buffer.from(options.stdin ?? "")]) as unknown as NodeJS.ReadStream;
  const terminal = createTerminal({ stdin, stdout: out.stream, stderr: err.stream }, options.color ?? false);
  return { terminal, stdout: out.text, stderr: err.text };
}

function memoryStream(columns: number | undefined, failure?: string) {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer | string, _, done) => {
      if (failure !== undefined) return done(Object.assign(new Error(failure), { code: failure }));
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  if (columns !== undefined) Object.assign(stream, { isTTY: true, columns });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => Buffer.concat(chunks).toString("latin1") };
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions extends MemoryTerminalOptions {
  readonly env?: CliContext["env"];
  readonly early?: CliContext["early"];
  readonly startAgent?: CliContext["startAgent"];
  readonly examine?: CliContext["examine"];
}

/** Runs a command of the CLI in this process, for the user of the tests and with no environment but what is given. */
export async function runInProcess(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { terminal, stdout, stderr } = memoryTerminal(options);
  const code = await runCli(args, {
    terminal,
    env: { HOME: "/nonexistent", ...options.env },
    uid: process.getuid?.() ?? 0,
    self: ["/nonexistent/paddock"],
    early: options.early ?? null,
    startAgent: options.startAgent ?? (() => Promise.reject(new Error("no agent was to be started"))),
    examine: options.examine ?? (() => Promise.reject(new Error("nothing was to be examined"))),
    rehearse: {
      plan: async (...given) => (await import("../../src/rehearsal/rehearse.ts")).rehearsePlan(...given),
      explain: async (...given) => (await import("../../src/rehearsal/rehearse.ts")).rehearseExplain(...given),
    },
  });
  const decode = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
  return { code, stdout: decode(stdout()), stderr: decode(stderr()) };
}
