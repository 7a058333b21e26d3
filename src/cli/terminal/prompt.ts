import type { Terminal } from "./terminal.ts";

/** Whether there is somebody who can be asked. */
export const canAsk = ({ keyboard, err }: Terminal): boolean => keyboard.isTerminal && err.isTerminal;

/**
 * Asks on the terminal; all but `y` and `yes` is a no.
 * @throws the signal's reason.
 */
export async function askYesNo(terminal: Terminal, question: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  terminal.err.text(`${question} (y/N) `);
  let typed = "";
  const stop = terminal.keyboard.listen(
    (data) => {
      typed += new TextDecoder().decode(data);
      if (typed.includes("\n") || typed.length > LONGEST) resolve(typed);
    },
    () => resolve(typed),
  );
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return /^\s*y(es)?\s*$/i.test(await promise);
  } finally {
    signal.removeEventListener("abort", onAbort);
    stop();
  }
}

/** No answer is longer, in characters. */
const LONGEST = 1024;
