import { Buffer } from "node:buffer";
import type { WriteStream } from "node:tty";
import { errnoOf } from "../../base/errors.ts";
import { escapeControls } from "../../base/text.ts";
import { INTERRUPT_SIGNALS, Interrupted } from "../exit.ts";
import { createKeyboard, type Keyboard } from "./keyboard.ts";
import { type Piece, paint } from "./style.ts";

/** One of the two ways out. */
export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal; of what is none, as if it were endless. */
  readonly columns: number;
  /** Makes a text of data by a template; undefined for JSON. @throws AppError `invalid` for data that the template does not fit. */
  readonly byTemplate?: (value: unknown) => string;
  /** One line; what in it is not printable is shown escaped. */
  line(...pieces: readonly Piece[]): void;
  /** A text of several lines, escaped but for its line ends. */
  text(text: string): void;
  /** Bytes as they are. */
  raw(bytes: Uint8Array): void;
}

/** Where a command's results and messages go, and what interrupts it. */
export interface Terminal {
  /** Results. */
  readonly out: Output;
  /** Everything else. */
  readonly err: Output;
  /** Shows a line on a terminal that the next output replaces; nothing elsewhere. */
  show(...pieces: readonly Piece[]): void;
  /** Standard input as it comes, for a command that goes on while it does. */
  readonly keyboard: Keyboard;
  /** Reads standard input to its end, at most `limit` bytes and the rest of the chunk that passes it. */
  readInput(limit: number): Promise<Buffer>;
  /** From now on there are no colours. */
  withoutColor(): void;
  /** Resolves when everything was written. */
  drain(): Promise<void>;
  /** Why results could not be written, such as `ENOSPC`; that nobody reads them any more is no failure. */
  writeFailure(): string | undefined;
  /**
   * A signal that aborts with `Interrupted` on Ctrl-C and its kin, and when the reader of `out` goes away. Until `release`, Ctrl-C
   * does not end the program.
   */
  listenForInterrupt(): { readonly signal: AbortSignal; release(): void };
}

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const CLEAR_LINE = "\r\u001b[2K";

/** The process's own terminal. @param wanted false writes no colours even to a terminal. */
export function createTerminal(streams: TerminalStreams, wanted: boolean): Terminal {
  let color = wanted;
  const isColored = (): boolean => color;
  const closed = new AbortController();
  let shown = false;
  /** The last text on `out` has no line end yet. */
  let open = false;
  const clear = (): void => {
    if (shown) err.write(CLEAR_LINE);
    shown = false;
  };
  const sameScreen = (): boolean => streams.stdout.isTTY === true && streams.stderr.isTTY === true;
  const begin = (isOut: boolean): void => {
    clear();
    if (!open) return;
    if (!isOut && !sameScreen()) return;
    out.write("\n");
    open = false;
  };
  let failure: string | undefined;
  const err = createWriter(
    () => streams.stderr,
    () => undefined,
  );
  const out = createWriter(
    () => streams.stdout,
    (code) => {
      if (code !== "EPIPE") failure = code;
      closed.abort(new Interrupted(null));
    },
  );
  return {
    out: createOutput(() => streams.stdout, isColored, {
      line: (text) => {
        begin(true);
        out.write(text);
      },
      text: (text) => {
        clear();
        out.write(text);
        open = typeof text === "string" && !text.endsWith("\n");
      },
    }),
    err: createOutput(() => streams.stderr, isColored, {
      line: (text) => {
        begin(false);
        err.write(text);
      },
      text: (text) => {
        begin(false);
        err.write(text);
      },
    }),
    show: (...pieces) => {
      if (!streams.stderr.isTTY) return;
      err.write(`${CLEAR_LINE}${paint(pieces, color)}`);
      shown = true;
    },
    keyboard: createKeyboard(() => streams.stdin),
    readInput: (limit) => readAll(streams.stdin, limit),
    withoutColor: () => {
      color = false;
    },
    drain: async () => {
      clear();
      await Promise.all([out.drain(), err.drain()]);
    },
    writeFailure: () => failure,
    listenForInterrupt: () => listenForInterrupt(closed.signal),
  };
}

interface Ways {
  /** Takes a line with its end, which begins a line. */
  readonly line: (text: string) => void;
  /** Takes what goes on where the last text ended. */
  readonly text: (text: string | Uint8Array) => void;
}

function createOutput(stream: () => NodeJS.WriteStream, isColored: () => boolean, ways: Ways): Output {
  const isTerminal = (): boolean => stream().isTTY === true;
  return {
    get isTerminal() {
      return isTerminal();
    },
    get columns() {
      return isTerminal() ? (stream() as WriteStream).columns || 80 : Number.POSITIVE_INFINITY;
    },
    line: (...pieces) => ways.line(`${paint(pieces, isColored() && isTerminal())}\n`),
    text: (text) => {
      if (text !== "") ways.text(escapeControls(text, true));
    },
    raw: (bytes) => ways.text(bytes),
  };
}

/**
 * Writes in order and remembers what is under way; after the first failure everything else is dropped.
 * @param open gives the stream. It is asked at the first write: to make one takes the runtime some milliseconds.
 */
function createWriter(open: () => NodeJS.WriteStream, onGone: (code: string) => void) {
  let stream: NodeJS.WriteStream | undefined;
  let gone = false;
  let last: Promise<void> = Promise.resolve();
  const leave = (error: Error): void => {
    if (gone) return;
    gone = true;
    onGone(errnoOf(error) ?? error.message);
  };
  const opened = (): NodeJS.WriteStream => {
    stream ??= open().on("error", leave);
    return stream;
  };
  return {
    write: (data: string | Uint8Array): void => {
      if (gone) return;
      last = new Promise((resolve) => {
        opened().write(data, (error) => {
          if (error) leave(error);
          resolve();
        });
      });
    },
    drain: async (): Promise<void> => {
      if (!gone) await last;
    },
  };
}

async function readAll(stream: NodeJS.ReadStream, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size > limit) break;
  }
  return Buffer.concat(chunks);
}

function listenForInterrupt(closed: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const abort = new AbortController();
  const listeners = INTERRUPT_SIGNALS.map((name) => [name, () => abort.abort(new Interrupted(name))] as const);
  for (const [name, listener] of listeners) process.on(name, listener);
  return {
    signal: AbortSignal.any([abort.signal, closed]),
    release: () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}

/** Whether colours are wanted at all: `NO_COLOR` (https://no-color.org), Nomad's own variable and a terminal that knows none say no. */
export function wantsColor(env: Readonly<Record<string, string | undefined>>): boolean {
  return !env["NO_COLOR"] && !env["NOMAD_CLI_NO_COLOR"] && env["TERM"] !== "dumb";
}
