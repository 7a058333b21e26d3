import { testEnvironment } from "./run.ts";
import { until } from "./until.ts";

/** A program in front of a terminal of its own. */
export interface PtyProgram extends AsyncDisposable {
  readonly pid: number;
  /** Everything that was shown so far. */
  shown(): string;
  type(text: string): void;
  /** Waits until a text was shown. */
  see(text: string): Promise<void>;
  /** Exit code; null when a signal ended it. */
  ended(): Promise<number | null>;
}

/** Milliseconds that something may take to be shown. */
const DEADLINE = 60_000;

/** Starts a program whose standard input and output are a terminal. @param env more of its environment. */
export function runInPty(argv: readonly string[], env: Readonly<Record<string, string>> = {}): PtyProgram {
  let shown = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...argv], {
    env: testEnvironment({ TERM: "xterm", ...env }),
    terminal: {
      cols: 120,
      rows: 40,
      data: (_, data) => {
        shown += decoder.decode(data, { stream: true });
      },
    },
  });
  return {
    pid: child.pid,
    shown: () => shown,
    type: (text) => void child.terminal?.write(text),
    see: async (text) => {
      await until(`${JSON.stringify(text)} in ${JSON.stringify(shown.slice(-200))}`, () => shown.includes(text), {
        deadline: DEADLINE,
      });
    },
    ended: async () => {
      await child.exited;
      return child.signalCode === null ? child.exitCode : null;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await child.exited;
      child.terminal?.close();
    },
  };
}
