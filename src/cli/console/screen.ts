import { watchTerminal } from "../terminal/raw-terminal.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The terminal of somebody at a console, or what stands in its place. */
export interface Screen {
  /** Every key goes to the guest from now on. */
  begin(): void;
  output(data: Uint8Array): void;
  /** A line of ours among what the guest writes. */
  say(text: string): void;
  /** Makes the terminal what it was. Does nothing the second time. */
  restore(): void;
}

const NEWLINE = 0x0a;

export function createScreen(terminal: Terminal): Screen {
  const { keyboard, out, err } = terminal;
  const watched = watchTerminal();
  let raw = false;
  let shown = false;
  let last: number | undefined;
  // A shell that stopped us and goes on with us has set the terminal its own way.
  const again = (): void => {
    keyboard.setRaw(false);
    keyboard.setRaw(true);
  };
  const breakLine = (): void => {
    if (out.isTerminal && last !== undefined && last !== NEWLINE) out.raw(Buffer.from("\r\n"));
    last = undefined;
  };
  return {
    begin: () => {
      keyboard.setRaw(true);
      process.on("SIGCONT", again);
      raw = true;
    },
    output: (data) => {
      if (out.isTerminal) watched.see(data);
      out.raw(data);
      shown = true;
      last = data.at(-1);
    },
    say: (text) => {
      breakLine();
      err.line(`[${text}]`);
    },
    restore: () => {
      if (raw) {
        process.off("SIGCONT", again);
        keyboard.setRaw(false);
      }
      if (shown && out.isTerminal) out.raw(Buffer.from(watched.reset()));
      if (raw || shown) breakLine();
      [raw, shown] = [false, false];
    },
  };
}
